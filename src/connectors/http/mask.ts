/** Replaces secrets in text that people will read. */
export type Mask = (text: string) => string;

/** Masks each secret however it is written; the longest first, as one may hold another. */
export function maskOf(secrets: readonly string[]): Mask {
  const patterns = secrets
    .filter((secret) => secret !== '')
    .toSorted((a, b) => b.length - a.length)
    .map((secret) => new RegExp([...secret].map(formsOf).join(''), 'g'));
  return (text) => patterns.reduce((masked, pattern) => masked.replaceAll(pattern, '***'), text);
}

/** A mask that learns secrets on the way, such as tokens. */
export interface GrowingMask {
  readonly mask: Mask;
  readonly hide: (secret: string) => void;
}

export function growingMask(secrets: readonly string[]): GrowingMask {
  const known = new Set(secrets);
  let current = maskOf(secrets);
  return {
    mask: (text) => current(text),
    hide: (secret) => {
      if (known.has(secret)) return;
      known.add(secret);
      current = maskOf([...known]);
    },
  };
}

const named: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
  ' ': '\\+',
  '\n': '\\\\n',
};

/** Sources and libraries differ in which characters they escape and how: in a URL, in JSON (once or again) or in HTML. */
function formsOf(character: string): string {
  if (/[A-Za-z0-9]/.test(character)) return character;
  const code = character.codePointAt(0) ?? 0;
  const hex = code.toString(16);
  const escaped = [
    [...Buffer.from(character)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join(''),
    `\\\\+u${hex.padStart(4, '0')}`,
    `&#0*${code};`,
    `&#x0*${hex};`,
    named[character] ?? [],
  ].flat();
  return `(?:\\\\*${RegExp.escape(character)}|(?i:${escaped.join('|')}))`;
}

const snippetLength = 120;

/** The first words of a body, secrets masked before anything is cut off. */
export function snippet(body: Buffer, mask: Mask): string {
  return mask(body.subarray(0, 64 * 1024).toString('utf8'))
    .replace(/\s+/g, ' ')
    .trim()
    .slice(0, snippetLength);
}

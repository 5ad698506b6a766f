/** Replaces secrets in text that people will read. */
export type Mask = (text: string) => string;

/** Masks each secret as it is, as it looks in a URL and as it looks inside JSON; the longest first, as one may hold another. */
export function maskOf(secrets: readonly string[]): Mask {
  const forms = secrets
    .filter((secret) => secret !== '')
    .flatMap((secret) => [
      secret,
      encodeURIComponent(secret),
      new URLSearchParams([['', secret]]).toString().slice(1),
      JSON.stringify(secret).slice(1, -1),
    ])
    .sort((a, b) => b.length - a.length);
  return (text) => forms.reduce((masked, form) => masked.replaceAll(form, '***'), text);
}

const snippetLength = 120;

/** The first words of a body, secrets masked before anything is cut off. */
export function snippet(body: Buffer, mask: Mask): string {
  return mask(body.subarray(0, 64 * 1024).toString('utf8'))
    .replace(/\s+/g, ' ')
    .trim()
    .slice(0, snippetLength);
}

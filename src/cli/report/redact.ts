/**
 * Takes secrets out of what a report holds. Values of environment variables and of headers go, whatever they are; so does
 * what stands under a name that sounds like a secret, and what looks like one within a text. Rather too much goes than too
 * little: names, and references to Secrets, stay.
 */
export function redactValue(value: unknown): unknown {
  if (typeof value === 'string') return redactText(value);
  if (Array.isArray(value)) return value.map(redactValue);
  if (value === null || typeof value !== 'object') return value;
  const pair = value as Readonly<Record<string, unknown>>;
  const isSecretPair = typeof pair.name === 'string' && sounds(pair.name);
  return Object.fromEntries(
    Object.entries(pair)
      .filter(([name]) => !dropped.has(name))
      .map(([name, member]) => [name, isSecretPair && name === 'value' ? hidden : redactMember(name, member)]),
  );
}

const hidden = '[redacted]';

/** What only repeats the rest, as somebody wrote it. */
const dropped: ReadonlySet<string> = new Set(['managedFields', 'kubectl.kubernetes.io/last-applied-configuration']);

/** Lists of names with values, of which only the names are told. */
const onlyNames: ReadonlySet<string> = new Set(['env', 'headers']);

function redactMember(name: string, member: unknown): unknown {
  if (onlyNames.has(name)) return withoutValues(member);
  return typeof member === 'string' && sounds(name) ? hidden : redactValue(member);
}

function withoutValues(list: unknown): unknown {
  if (!Array.isArray(list)) {
    if (list === null || typeof list !== 'object') return hidden;
    return Object.fromEntries(Object.keys(list).map((name) => [name, hidden]));
  }
  return list.map((entry: unknown) => {
    if (entry === null || typeof entry !== 'object') return hidden;
    return redactValue('value' in entry ? { ...entry, value: hidden } : entry);
  });
}

const words =
  'passw(?:or)?d|passphrase|secret|token|api[-_]?key|access[-_]?key|private[-_]?key|credential|signature|authori[sz]ation|cookie|user[-_]?agent';

/** Whether a value of this name is a secret; the name of one is none. */
const sounds = (name: string): boolean => new RegExp(words, 'i').test(name) && !/name$/i.test(name);

/**
 * Where a secret is in a text, and what to leave of the match. The order counts: the larger first. What may stand before a
 * match has a bound, or a long line without spaces would take the square of its length.
 */
const patterns: readonly (readonly [RegExp, string])[] = [
  // Whatever stands before an @ in an address: a password may have one, too.
  [/\b([a-z][a-z0-9+.-]{0,31}:\/\/)[^\s"'<>]*@/gi, `$1${hidden}@`],
  [/\b((?:proxy-)?authorization|(?:set-)?cookie)(["']?\s*[:=]\s*)[^\r\n"']+/gi, `$1$2${hidden}`],
  [/\b(Bearer|Basic)\s+[A-Za-z0-9._~+/=-]{8,}/g, `$1 ${hidden}`],
  [/\beyJ[\w-]{8,}\.[\w-]+\.[\w-]*/g, hidden],
  [/\b(?:AKIA|ASIA)[0-9A-Z]{16}\b/g, hidden],
  [
    new RegExp(`\\b([\\w.-]{0,64}(?:${words})[\\w.-]{0,64})(["']?\\s*[=:]\\s*["']?)[^\\s"'&,;}]+`, 'gi'),
    `$1$2${hidden}`,
  ],
];

/** The same for text; lines that are JSON are looked at as what they mean. */
export const redactText = (text: string): string =>
  text.replace(privateKey, hidden).split('\n').map(redactLine).join('\n');

/** It has several lines, and may be cut off. */
const privateKey = /-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g;

function redactLine(line: string): string {
  // Logs of a cluster have the time before each line.
  const [, time = '', rest] = /^(\s*(?:\d{4}-\d\d-\d\dT\S+ )?)([{[].*)$/.exec(line) ?? [];
  const json = rest === undefined ? undefined : parsed(rest);
  if (json !== undefined) return time + JSON.stringify(redactValue(json));
  return patterns.reduce((text, [pattern, left]) => text.replace(pattern, left), line);
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

import { distance } from 'fastest-levenshtein';

/** Where something is in a manifest: `['spec', 'datasets', 0, 'key']`. */
export type Path = readonly (string | number)[];

/** Something wrong with a manifest, found by a schema or a policy. */
export interface Finding {
  readonly at: Path;
  /** What is wrong, as the rest of a sentence that starts with the path. */
  readonly what: string;
  readonly found: string;
  readonly allowed?: string;
  /** The nearest right word. */
  readonly suggestion?: string;
  /** What to do, as a sentence. */
  readonly fix: string;
}

/** The same, ready to be shown. */
export interface Problem {
  /** For example `spec.datasets[0].clean.columns[3].type`. */
  readonly path: string;
  /** The file, where there is one, and the line and column in it, from 1. */
  readonly file?: string;
  readonly line?: number;
  readonly column?: number;
  readonly found: string;
  readonly allowed?: string;
  readonly suggestion?: string;
  /** Path, what was found, what is allowed and the nearest right word, in one sentence. */
  readonly message: string;
  readonly fix: string;
}

/** A place in a file. */
export interface Position {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** Finds the place of a path in the file a manifest was read from. */
export type Locate = (at: Path) => Position | undefined;

/** Puts a finding into words. */
export function toProblem({ at, what, ...finding }: Finding, locate: Locate = () => undefined): Problem {
  const path = pathText(at);
  const allowed = finding.allowed === undefined ? '' : `; allowed: ${finding.allowed}`;
  const suggestion = finding.suggestion === undefined ? '' : `; did you mean ${finding.suggestion}?`;
  return { path, ...locate(at), ...finding, message: `${path}: ${what}${allowed}${suggestion}` };
}

/** One line for a person: `pipeline.yaml:12:5: message. Fix`. */
export function problemText({ file, line, column, message, fix }: Problem): string {
  const place = [file, line, column].filter((part) => part !== undefined).map((part) => `${part}:`);
  return `${place.join('')}${place.length > 0 ? ' ' : ''}${message}${/[.?!]$/.test(message) ? '' : '.'} ${fix}`;
}

/** `spec.datasets[0].query["a b"]`. */
export function pathText(at: Path): string {
  const text = at.map((part) => {
    if (typeof part === 'number') return `[${part}]`;
    return /^[A-Za-z_][\w-]*$/.test(part) ? `.${part}` : `[${JSON.stringify(part)}]`;
  });
  return text.join('').replace(/^\./, '') || 'the manifest';
}

/** The word that was most likely meant, if any is near enough to be worth a mention. */
export function nearest(found: string, words: readonly string[]): string | undefined {
  const plain = found.toLowerCase();
  const ranked = words
    .map((word) => ({ word, far: distance(plain, word.toLowerCase()) }))
    .sort((a, b) => a.far - b.far);
  const best = ranked[0];
  if (!best) return undefined;
  const near = Math.max(1, Math.floor(Math.min(found.length, best.word.length) / 2.5));
  if (best.far <= near) return best.word;
  const longer = words.filter((word) => plain.length > 2 && word.toLowerCase().startsWith(plain));
  return longer.length === 1 ? longer[0] : undefined;
}

/** A value as it may be shown: short, on one line. */
export function shown(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === 'object' && value !== null) return 'an object';
  const text = JSON.stringify(value) ?? String(value);
  return text.length <= 80 ? text : `${text.slice(0, 77)}…`;
}

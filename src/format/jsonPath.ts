import { TerminalError } from '../run/errors.ts';

/** A JSONPath in DuckDB's spelling. */
export interface JsonPath {
  readonly path: string;
  /** The path has a wildcard: it finds a list of values. */
  readonly many: boolean;
}

const segment =
  /(?<wildcard>\.\*|\[\*\])|\.(?<name>[^.[\]*"'()?\s]+)|\["(?<double>[^"]+)"\]|\['(?<single>[^']+)'\]|\[(?<index>-?\d{1,9})\]/y;

/**
 * Translates the part of JSONPath (RFC 9535) that DuckDB can follow: names, indexes and wildcards.
 * Filters, slices and descendants are refused; a column expression or a model can do the same.
 */
export function parseJsonPath(source: string): JsonPath {
  if (!source.startsWith('$')) throw refused(source, 0);
  let path = '$';
  let many = false;
  segment.lastIndex = 1;
  while (segment.lastIndex < source.length) {
    const at = segment.lastIndex;
    const { wildcard, name, double, single, index } = segment.exec(source)?.groups ?? {};
    const member = name ?? double ?? single;
    if (wildcard !== undefined) path += wildcard;
    else if (index !== undefined) path += `[${index}]`;
    // DuckDB reads a quoted star as a wildcard and has no way to write a quote.
    else if (member !== undefined && member !== '*' && !member.includes('"')) path += `."${member}"`;
    else throw refused(source, at);
    many ||= wildcard !== undefined;
  }
  return { path, many };
}

const refused = (source: string, at: number): TerminalError =>
  new TerminalError(
    'PathInvalid',
    `the JSONPath ${source} cannot be followed from character ${at + 1} on (${JSON.stringify(source.slice(at, at + 20))}); ` +
      `allowed are $, .name, ['a name'], [0], [-1], [*] and .*, for example $.items[*].id`,
  );

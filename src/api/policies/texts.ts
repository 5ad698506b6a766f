import parseRfc9535 from 'jsonpath-rfc9535/parser';
import { parseJsonPath } from '../../format/jsonPath.ts';
import { TerminalError } from '../../run/errors.ts';
import { type Finding, type Path, shown } from '../problem.ts';
import { datasetsOf, type Policy } from './policy.ts';

/**
 * JSONPaths are of the kind that both readers can follow, that of responses (RFC 9535) and that of records (DuckDB):
 * names, indexes and wildcards.
 */
export const validPaths: Policy = (pipeline) =>
  datasetsOf(pipeline).flatMap(({ dataset, at }) => {
    const { extract, format, clean } = dataset;
    const paging = extract.rest?.paging;
    const under = [...at, 'extract', 'rest', 'paging'];
    const isJson = format.json !== undefined || format.jsonl !== undefined;
    const isPath = (source: string) => isJson || (format.html !== undefined && source.startsWith('$'));
    const places: (readonly [at: Path, path: string | undefined])[] = [
      [[...at, 'format', 'json', 'records'], format.json?.records],
      [[...under, 'total', 'path'], paging?.total?.path],
      [[...under, 'next', 'path'], paging?.next?.path],
      [[...under, 'cursor', 'next', 'path'], paging?.cursor?.next.path],
      ...clean.columns.flatMap(({ from, aliases }, index) => {
        const column = [...at, 'clean', 'columns', index];
        const sources = [
          [[...column, 'from'], from] as const,
          ...aliases.map((alias, alternative) => [[...column, 'aliases', alternative], alias] as const),
        ];
        return sources.filter(([, source]) => source !== undefined && isPath(source));
      }),
    ];
    return places.flatMap(([place, path]) => (path === undefined ? [] : pathFinding(place, path)));
  });

function pathFinding(at: Path, path: string): Finding[] {
  const fault = pathFault(path);
  if (fault === undefined) return [];
  const suggestion = pathFault(`$.${path}`) === undefined ? `$.${path}` : undefined;
  return [
    {
      at,
      what: fault,
      found: shown(path),
      ...(suggestion === undefined ? {} : { suggestion }),
      fix: suggestion === undefined ? 'Mend the path.' : `Write ${suggestion}.`,
    },
  ];
}

function pathFault(path: string): string | undefined {
  try {
    parseJsonPath(path);
  } catch (error) {
    if (error instanceof TerminalError) return error.message;
    throw error;
  }
  try {
    parseRfc9535(path);
    return undefined;
  } catch {
    return `the JSONPath ${path} has a name that RFC 9535 wants in quotes, as in $['a-name']`;
  }
}

/** Regular expressions are of the kind that DuckDB knows: RE2, without look-around and back references. */
export const validPatterns: Policy = (pipeline) =>
  datasetsOf(pipeline).flatMap(({ dataset, at }) =>
    dataset.clean.columns.flatMap(({ pattern, parse, flags }, index) => {
      const column = [...at, 'clean', 'columns', index];
      const places: (readonly [at: Path, pattern: string | undefined])[] = [
        [[...column, 'pattern'], pattern],
        [[...column, 'parse', 'regex'], parse?.regex],
        ...(flags?.match ?? []).map(
          (match, alternative) => [[...column, 'flags', 'match', alternative, 'pattern'], match.pattern] as const,
        ),
      ];
      return places.flatMap(([place, source]) => (source === undefined ? [] : patternFinding(place, source)));
    }),
  );

function patternFinding(at: Path, source: string): Finding[] {
  const why = patternFault(source);
  if (why === undefined) return [];
  const allowed = 'RE2: https://github.com/google/re2/wiki/Syntax';
  return [{ at, what: `found ${shown(source)}: ${why}`, found: shown(source), allowed, fix: 'Mend the expression.' }];
}

function patternFault(source: string): string | undefined {
  const bare = source.replace(/\\\\/g, '').replace(/\[(?:\\.|[^\]\\])*\]/g, '[]');
  if (/\(\?<?[=!]/.test(bare)) return 'look-ahead and look-behind are not known to RE2';
  if (/\\[1-9]/.test(bare)) return 'back references are not known to RE2';
  try {
    // What RE2 writes differently: flags for the rest of the expression, and names of groups.
    new RegExp(source.replace(/\(\?[imsU-]+\)/g, '').replace(/\(\?P</g, '(?<'));
    return undefined;
  } catch (error) {
    return (error as Error).message.replace(/^Invalid regular expression: .*: /s, '');
  }
}

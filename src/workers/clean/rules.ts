import { nearest } from '../../api/problem.ts';
import { normalizeHeader } from '../../format/header.ts';
import type { AbsentHeader, Want } from '../../format/records.ts';
import { TerminalError } from '../../run/errors.ts';
import type { CleanSpec } from '../../run/specs.ts';
import type { Notice } from '../../run/types.ts';
import { type CleanColumn, computedBy, wantsOf } from './columns.ts';
import type { Rules } from './judge.ts';

/** The rules of a dataset, and what they want of each record. `namesIn` tells the names that an expression uses. */
export async function rulesOf(
  { key, clean }: CleanSpec,
  namesIn: (sql: string) => Promise<ReadonlySet<string>>,
): Promise<{ readonly rules: Rules; readonly wants: readonly Want[] }> {
  const wants: Want[] = [];
  const columns = clean.columns.map((column, at) => {
    const own = wantsOf(column);
    const positions = own.map((_, index) => wants.length + index);
    wants.push(...own);
    return {
      ...{ column, at, wants: positions, sql: computedBy(column) },
      required: column.required || key.includes(column.name),
      nulls: column.nulls ?? clean.nulls,
    };
  });
  const checks = clean.checks.filter(({ sql }) => sql !== undefined);
  return { rules: { columns, levels: await levelsOf(columns, namesIn), key, where: clean.where, checks }, wants };
}

/** Computed columns in levels: each one level above the highest computed column that it uses. */
async function levelsOf(
  columns: readonly CleanColumn[],
  namesIn: (sql: string) => Promise<ReadonlySet<string>>,
): Promise<CleanColumn[][]> {
  const levels: CleanColumn[][] = [];
  const levelOf = new Map<string, number>();
  for (const clean of columns) {
    const { column, sql } = clean;
    if (sql === undefined) continue;
    const used = [...(await namesIn(sql))].flatMap((used) => levelOf.get(used) ?? []);
    const level = Math.max(-1, ...used) + 1;
    levelOf.set(column.name, level);
    levels[level] = [...(levels[level] ?? []), clean];
  }
  return levels;
}

/** What it means that files lack headers: the loss of a required column ends the step, that of another one is told. */
export function absentColumns({ columns }: Rules, absent: readonly AbsentHeader[]): Notice[] {
  const lost = columns.flatMap((clean) => (clean.column.flags ? lostFlags(clean, absent) : lostValues(clean, absent)));
  const fatal = lost.find(({ required }) => required);
  if (fatal) throw columnMissing(fatal);
  const messages = new Set(lost.map(({ what }) => what));
  if (messages.size === 0) return [];
  return [{ reason: 'SchemaDrift', message: `the source lacks the headers of ${[...messages].join(', ')}` }];
}

/** Headers that a file lacks. */
interface Lost {
  readonly name: string;
  readonly required: boolean;
  readonly headers: readonly string[];
  /** What that means, for a list. */
  readonly what: string;
  readonly file: AbsentHeader;
}

function lostValues({ column, required, wants }: CleanColumn, absent: readonly AbsentHeader[]): Lost[] {
  const { name, from = '', aliases } = column;
  const lacks = (uri: string, want: number) => absent.some((one) => one.want === want && one.uri === uri);
  return absent
    .filter(({ want, uri }) => want === wants[0] && wants.every((one) => lacks(uri, one)))
    .map((file) => ({ ...{ name, required, file }, headers: [from, ...aliases], what: `${name} (null there)` }));
}

/** A set of flags looks into each of its headers, so that each of them is missed. */
function lostFlags({ column, required, wants }: CleanColumn, absent: readonly AbsentHeader[]): Lost[] {
  const { name, flags } = column;
  return absent.flatMap((file) => {
    const header = flags?.from[wants.indexOf(file.want)];
    if (header === undefined) return [];
    return [
      { ...{ name, required, file }, headers: [header], what: `${name} (${JSON.stringify(header)}, not searched)` },
    ];
  });
}

function columnMissing({ name, headers, file }: Lost): TerminalError {
  const asked = headers.map((header) => JSON.stringify(header)).join(' or ');
  const near = nearest(normalizeHeader(headers[0] ?? ''), file.headers.map(normalizeHeader));
  const meant = file.headers.find((header) => normalizeHeader(header) === near);
  const shown = file.headers.slice(0, 40).map((header) => JSON.stringify(header.slice(0, 60)));
  const more = file.headers.length > shown.length ? ` and ${file.headers.length - shown.length} more` : '';
  const hint = meant === undefined ? '.' : `; did you mean ${JSON.stringify(meant)}?`;
  return new TerminalError(
    'ColumnMissing',
    `${file.uri} has no header ${asked}, which the required column ${name} is read from${hint} It has ${shown.join(', ')}${more}. ` +
      'Correct from, add an alias, or check format.csv.delimiter and format.csv.skip',
  );
}

import type { Column } from '../../api/index.ts';
import { nearest } from '../../api/problem.ts';
import { normalizeHeader } from '../../format/header.ts';
import type { AbsentHeader, Want } from '../../format/records.ts';
import { TerminalError } from '../../run/errors.ts';
import type { CleanSpec } from '../../run/specs.ts';
import type { Notice } from '../../run/types.ts';
import { type CleanColumn, wantsOf } from './columns.ts';
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
      ...{ column, at, wants: positions },
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
    const { name, sql } = clean.column;
    if (sql === undefined) continue;
    const used = [...(await namesIn(sql))].flatMap((used) => levelOf.get(used) ?? []);
    const level = Math.max(-1, ...used) + 1;
    levelOf.set(name, level);
    levels[level] = [...(levels[level] ?? []), clean];
  }
  return levels;
}

/** What it means that files lack headers: the loss of a required column ends the step, that of another one is told. */
export function absentColumns({ columns }: Rules, absent: readonly AbsentHeader[]): Notice[] {
  const lost = columns.flatMap(({ column, required, wants }) => {
    if (wants.length === 0) return [];
    const files = absent.filter(({ want }) => want === wants[0]);
    const without = files.filter(({ uri }) =>
      wants.every((want) => absent.some((one) => one.want === want && one.uri === uri)),
    );
    return without.map((file) => ({ column, required, file }));
  });
  const fatal = lost.find(({ required }) => required);
  if (fatal) throw columnMissing(fatal.column, fatal.file);
  const names = [...new Set(lost.map(({ column }) => column.name))];
  if (names.length === 0) return [];
  return [
    { reason: 'SchemaDrift', message: `the source lacks the headers of ${names.join(', ')}; they are null there` },
  ];
}

function columnMissing({ name, from = '', aliases }: Column, { uri, headers }: AbsentHeader): TerminalError {
  const asked = [from, ...aliases].map((header) => JSON.stringify(header)).join(' or ');
  const near = nearest(normalizeHeader(from), headers.map(normalizeHeader));
  const meant = headers.find((header) => normalizeHeader(header) === near);
  const shown = headers.slice(0, 40).map((header) => JSON.stringify(header.slice(0, 60)));
  const more = headers.length > shown.length ? ` and ${headers.length - shown.length} more` : '';
  const hint = meant === undefined ? '.' : `; did you mean ${JSON.stringify(meant)}?`;
  return new TerminalError(
    'ColumnMissing',
    `${uri} has no header ${asked}, which the required column ${name} is read from${hint} It has ${shown.join(', ')}${more}. ` +
      'Correct from, add an alias, or check format.csv.delimiter and format.csv.skip',
  );
}

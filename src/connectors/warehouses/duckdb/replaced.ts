import { identifier, literal } from '../../duckdb.ts';
import { sqlType } from '../../sqlTypes.ts';
import type { TableSpec } from '../warehouse.ts';
import type { Session } from './session.ts';
import { columnsOf, dropIfExists, kindOf, systemColumn } from './table.ts';

interface TypedColumn {
  readonly name: string;
  readonly type: string;
}

/**
 * Makes room for a table that was built anew. What is there is kept under another name when the new one lacks something
 * of it: a column, or a type that holds all its values. A column more, or a wider type, takes nothing away.
 */
export async function makeRoom(session: Session, table: TableSpec): Promise<void> {
  const { schema, name } = table;
  if ((await kindOf(session, name)) !== 'TABLE' || holdsAll(await declaredOf(session, name), table)) {
    return dropIfExists(session, name);
  }
  const keptAs = await freeName(session, name);
  await session.run(`ALTER TABLE ${identifier(name)} RENAME TO ${identifier(keptAs)}`);
  await session.run(
    `INSERT INTO _jobpulse.replaced VALUES (${literal(schema)}, ${literal(keptAs)}, now() AT TIME ZONE 'UTC')`,
  );
}

/** Drops the replaced tables of a schema that have been kept long enough. */
export async function dropReplaced(session: Session, { schema, keepReplacedMs }: TableSpec): Promise<void> {
  const isOld = `schema_name = ${literal(schema)}
    AND replaced_at <= (now() AT TIME ZONE 'UTC') - INTERVAL ${literal(`${keepReplacedMs} milliseconds`)}`;
  for (const { kept_as: name } of await session.rows(`SELECT kept_as FROM _jobpulse.replaced WHERE ${isOld}`)) {
    await dropIfExists(session, String(name));
  }
  await session.run(`DELETE FROM _jobpulse.replaced WHERE ${isOld}`);
}

/** Columns of a table that are not ours. */
const declaredOf = async (session: Session, name: string): Promise<TypedColumn[]> =>
  (await columnsOf(session, `FROM ${identifier(name)}`)).filter((column) => !systemColumn(column.name));

const holdsAll = (old: readonly TypedColumn[], { columns }: TableSpec): boolean =>
  old.every(({ name, type }) => {
    const next = columns.find((column) => column.name === name);
    return next !== undefined && widens(type, sqlType(next.type));
  });

const wider: Readonly<Record<string, readonly string[]>> = {
  INTEGER: ['BIGINT', 'DECIMAL', 'DOUBLE', 'VARCHAR'],
  BIGINT: ['DECIMAL', 'VARCHAR'],
  DECIMAL: ['VARCHAR'],
  DOUBLE: ['VARCHAR'],
  DATE: ['TIMESTAMP'],
};

/** Whether every value of a type is a value of another: integer → decimal → string, date → timestamp. */
export function widens(from: string, to: string): boolean {
  const [old, next] = [decimalOf(from), decimalOf(to)];
  if (old && next) return next.scale >= old.scale && next.whole >= old.whole;
  const kind = (type: string) => (decimalOf(type) ? 'DECIMAL' : type);
  if (next && from in wholeDigits) return next.whole >= (wholeDigits[from] ?? 0);
  return from === to || (wider[kind(from)] ?? []).includes(kind(to));
}

/** How many digits the integers have. */
const wholeDigits: Readonly<Record<string, number>> = { INTEGER: 10, BIGINT: 19 };

function decimalOf(type: string): { readonly whole: number; readonly scale: number } | undefined {
  const [, width, scale] = /^DECIMAL\((\d+), ?(\d+)\)$/.exec(type) ?? [];
  return width === undefined ? undefined : { whole: Number(width) - Number(scale), scale: Number(scale) };
}

/** Other warehouses cut longer names off. */
const longestName = 63;

/** `postings__v1`, or with the next number that is free. */
async function freeName(session: Session, name: string): Promise<string> {
  for (let version = 1; ; version += 1) {
    const ending = `__v${version}`;
    const free = `${name.slice(0, longestName - ending.length)}${ending}`;
    if ((await kindOf(session, free)) === undefined) return free;
  }
}

import type { Model } from '../../../api/index.ts';
import { identifier } from '../../duckdb.ts';
import { withoutEnd } from './checks.ts';
import { explain } from './failure.ts';
import type { Session } from './session.ts';

const longestValue = 60;
const longestInsight = 500;

/** One line about a model: what its own SELECT says, else its size and its first row. */
export async function insightOf(
  session: Session,
  model: Pick<Model, 'name' | 'insight'>,
  candidate: string,
  rows: number,
  columns: readonly { readonly name: string; readonly type: string }[],
): Promise<string> {
  const told = model.insight === undefined ? undefined : await askModel(session, model.name, model.insight, candidate);
  return told ?? (await sizeAndFirstRow(session, candidate, rows, columns));
}

async function askModel(
  session: Session,
  name: string,
  insight: string,
  candidate: string,
): Promise<string | undefined> {
  const self = `WITH ${identifier(name)} AS (FROM ${identifier(candidate)})`;
  const asked = session.row(`${self} SELECT CAST((${withoutEnd(insight)}\n) AS VARCHAR) AS insight`);
  const { insight: text } = await asked.catch((error: unknown) => {
    throw explain(error, 'ModelFailed', `model ${name}, insight (one SELECT of one text)`);
  });
  return typeof text === 'string' ? oneLine(text, longestInsight) : undefined;
}

async function sizeAndFirstRow(
  session: Session,
  candidate: string,
  rows: number,
  columns: readonly { readonly name: string; readonly type: string }[],
): Promise<string> {
  const size = rows === 1 ? '1 row' : `${rows} rows`;
  const scalars = columns.filter(({ type }) => !/\[|^(STRUCT|MAP|UNION|JSON|BLOB)/.test(type)).slice(0, 3);
  if (rows === 0 || scalars.length === 0) return size;
  const names = scalars.map(({ name }) => identifier(name)).join(', ');
  const first = await session.row(`SELECT ${names} FROM ${identifier(candidate)} LIMIT 1`);
  const values = scalars.map(({ name }) => `${name} ${oneLine(String(first[name] ?? 'null'), longestValue)}`);
  return `${size}; first: ${values.join(', ')}`;
}

function oneLine(text: string, longest: number): string {
  const line = text.replace(/\s+/g, ' ').trim();
  return line.length <= longest ? line : `${line.slice(0, longest - 1)}…`;
}

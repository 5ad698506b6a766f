import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { DuckDBConnection } from '@duckdb/node-api';
import { loadedColumns } from '../api/columnNames.ts';
import { literal, withMemoryDatabase } from '../connectors/duckdb.ts';
import { sqlType } from '../connectors/sqlTypes.ts';
import { localFile } from '../connectors/stores/local.ts';
import { functionsIn, registerFunctions } from '../enrich/index.ts';
import { readRecords } from '../format/index.ts';
import type { Body } from '../format/records.ts';
import { mapBounded } from '../lake/lake.ts';
import { sliceName } from '../lake/layout.ts';
import { readRawMeta } from '../lake/raw.ts';
import { TerminalError } from '../run/errors.ts';
import type { CleanSpec } from '../run/specs.ts';
import { bytesOf } from '../run/steps.ts';
import type { ColumnSchema, Manifest, StepResult } from '../run/types.ts';
import { checkRules } from './clean/checkRules.ts';
import { dateMacros } from './clean/dates.ts';
import { namesIn } from './clean/expression.ts';
import { writeClean, writeQuarantine, writeSeen } from './clean/files.ts';
import { judgedTable } from './clean/judge.ts';
import { registerPseudonyms } from './clean/pseudonyms.ts';
import { absentColumns, rulesOf } from './clean/rules.ts';
import { textMacros } from './clean/texts.ts';
import { deduplicate, failOnErrors, ledgerOf, verdicts } from './clean/verdict.ts';
import type { Stage, StageContext } from './stage.ts';

type Context = StageContext<CleanSpec>;

/** A raw body with the step that fetched it: `as of` and run are those of the fetch, so that cleaning is repeatable. */
interface RawBody extends Body {
  readonly origin: Manifest;
}

/**
 * Raw bytes to typed rows. A pure function of its inputs and its spec, all in SQL: records are taken out of the bytes,
 * each column is read, typed and held against its rules, and each record meets one fate: kept, filtered, rejected (to
 * quarantine, with every reason) or left out for another row of its key. Same input, same bytes.
 */
export const clean: Stage<CleanSpec> = async (context) => {
  const bodies = await localBodies(context);
  const folders = [...new Set([context.scratch, ...bodies.map(({ local }) => dirname(local))])];
  const temporary = join(context.scratch, 'spill');
  await mkdir(temporary);
  const limits = { folders, memory: '1GB', temporary, ...threadsFor(context.spec, context.inputs) };
  return withMemoryDatabase(limits, context.signal, async (connection) => {
    await prepare(connection, context, bodies);
    return cleanBodies(connection, context, bodies);
  });
};

/**
 * Our SQL functions run in this process's one thread of JavaScript. With several threads of DuckDB asking for them, Node
 * answers one after the other without a pause, and leases would not be renewed. And where there is little to read, as of
 * a day of many, several threads spend more on each other than they save.
 */
const threadsFor = ({ clean, pseudonymKey }: CleanSpec, inputs: readonly Manifest[]): { readonly threads?: number } =>
  bytesOf(inputs) <= littleBytes ||
  pseudonymKey !== undefined ||
  functionsIn([...clean.columns, ...clean.checks, { sql: clean.where }].flatMap(({ sql }) => sql ?? [])).length > 0
    ? { threads: 1 }
    : {};

/** As they are stored, which is a megabyte or so of JSON: fewer rows than DuckDB gives to one thread. */
const littleBytes = 2 ** 17;

async function cleanBodies(
  connection: DuckDBConnection,
  context: Context,
  bodies: readonly RawBody[],
): Promise<StepResult> {
  const { spec, scratch, signal, lake, inputs } = context;
  const { rules, wants } = await rulesOf(spec, (sql) => namesIn(connection, sql));
  const records = await readRecords({ connection, bodies, scratch, signal }, spec.format, wants);
  const lost = absentColumns(rules, records.absent);
  for (const statement of judgedTable(records, rules)) await connection.run(statement);
  await failOnErrors(connection, rules.columns);
  const deduplicated = await deduplicate(connection, rules, spec.version, spec.clean.dedupe);
  const ledger = await ledgerOf(connection, records.count, deduplicated);
  const totals = spec.clean.checks.filter(({ rowCount }) => rowCount !== undefined);
  const notices = [...records.notices, ...lost, ...(await verdicts(connection, rules, totals, ledger.clean))];
  const names = loadedColumns(spec.clean).map(({ name }) => name);
  const to = { connection, lake, dataset: spec.dataset, scratch };
  const partitions = await writeClean(to, names, spec.key, spec.clean.partitionBy);
  const quarantine = await writeQuarantine(to, records.raw);
  const seen = spec.seen ? await writeSeen(to, ledger.read) : undefined;
  context.crashPoint('after-clean-files');
  return {
    ...{ ledger, partitions, notices, schema: schemaOf(spec) },
    complete: inputs.at(-1)?.complete ?? true,
    ...(quarantine.length > 0 && { quarantine }),
    ...(seen && { seen }),
  };
}

/** The raw bodies of all inputs, in the order in which they were fetched. */
async function localBodies({ inputs, lake, scratch }: Context): Promise<RawBody[]> {
  const files = inputs.flatMap((origin) =>
    origin.partitions.flatMap((partition) => partition.files.map(({ path }) => ({ origin, path }))),
  );
  return mapBounded([...files.entries()], 16, async ([file, { origin, path }]) => {
    const [meta, local] = await Promise.all([readRawMeta(lake, path), localBody(lake, path, scratch)]);
    return { file, origin, meta, local };
  });
}

async function localBody({ store }: Context['lake'], path: string, scratch: string): Promise<string> {
  const file = await localFile(store, path, scratch);
  if (file !== undefined) return file;
  throw new TerminalError('RawMissing', `${path} is not in the lake; only a new run can ask the source again`);
}

/** What the SQL of this stage stands on: functions, macros, checked rules and where each body came from. */
async function prepare(
  connection: DuckDBConnection,
  { spec, secret }: Context,
  bodies: readonly RawBody[],
): Promise<void> {
  await registerFunctions(connection);
  if (spec.pseudonymKey) registerPseudonyms(connection, secret(spec.pseudonymKey), spec.pseudonymKey);
  for (const macro of [...textMacros, ...dateMacros]) await connection.run(macro);
  const [problem, ...others] = await checkRules(connection, spec.clean);
  if (problem) {
    const more = others.length === 0 ? '' : ` (and ${others.length} more)`;
    throw new TerminalError('RuleInvalid', `${spec.dataset}.${problem.path}: ${problem.message}${more}`);
  }
  await connection.run(
    `CREATE TABLE _files(_file INTEGER, _source_uri VARCHAR, _payload_sha256 VARCHAR, _extracted_at TIMESTAMP,
       _as_of TIMESTAMP, _run_id VARCHAR, _slice VARCHAR)`,
  );
  if (bodies.length > 0) await connection.run(`INSERT INTO _files VALUES ${bodies.map(fileRow).join(', ')}`);
}

function fileRow({ file, meta, origin }: RawBody): string {
  const { asOf } = origin.slice;
  const texts = [meta.uri, meta.sha256, meta.fetchedAt, asOf, origin.run, sliceName(origin.slice)].map(literal);
  const [uri, sha256, fetchedAt, asOfText, run, slice] = texts;
  return `(${file}, ${uri}, ${sha256}, (${fetchedAt}::TIMESTAMPTZ AT TIME ZONE 'UTC'), (${asOfText}::TIMESTAMPTZ AT TIME ZONE 'UTC'), ${run}, ${slice})`;
}

const schemaOf = ({ clean }: CleanSpec): ColumnSchema[] =>
  loadedColumns(clean).map(({ name, type, description, from }) => {
    const comment = description ?? from;
    return { name, type: sqlType(type), ...(comment === undefined ? {} : { comment }) };
  });

import { loadedColumns } from '../api/columnNames.ts';
import type { Clean, Dataset, Extract, Format, Load, Model, Pipeline, SecretKeyRef } from '../api/index.ts';
import { digestOf, type Json } from './key.ts';
import type { ColumnSchema } from './types.ts';

/** How a dataset's bytes are got. */
export interface ExtractSpec {
  readonly stage: 'Extract';
  readonly dataset: string;
  readonly extract: Extract;
  /** Needed to count records and to tell JSON from an error page. */
  readonly format: Format;
  readonly params: Readonly<Record<string, string | number | boolean>>;
  /** How much one step does at most; aim: about a minute. */
  readonly part: { readonly pages: number; readonly files: number };
}

/** How bytes become typed rows. */
export interface CleanSpec {
  readonly stage: 'Clean';
  readonly dataset: string;
  readonly key: readonly string[];
  readonly version?: string;
  readonly format: Format;
  readonly clean: Clean;
  readonly timeZone: string;
  /** Whether the keys of all records read are kept, because the load must notice missing rows. */
  readonly seen: boolean;
  /** The key of pseudonyms, where a column is one. Another secret is another result; another value of it is not seen. */
  readonly pseudonymKey?: SecretKeyRef;
}

/** How rows become a table. */
export interface LoadSpec {
  readonly stage: 'Load';
  readonly dataset: string;
  readonly key: readonly string[];
  readonly version?: string;
  readonly columns: readonly ColumnSchema[];
  readonly load: Load;
  readonly timeZone: string;
  readonly target: LoadTarget;
  /** How long a table is kept that another version took the place of. */
  readonly keepReplaced: string;
  /** True: the inputs are all snapshots there are, and the table is built anew from them. */
  readonly rebuild: boolean;
}

export interface LoadTarget extends WarehouseServer {
  readonly schema: string;
  readonly table: string;
  /** Which warehouse: another one has none of the rows yet. */
  readonly warehouse: string;
}

/** Where a server is whose tables are ours: secrets, which may get other values at any time. */
export interface WarehouseServer {
  /** Its URL. Absent: the embedded warehouse. */
  readonly url?: SecretKeyRef;
  /** The certificate of the authority that it is trusted by. Absent: those the system trusts. */
  readonly ca?: SecretKeyRef;
}

/** One SELECT over the pipeline's tables. */
export interface ModelSpec extends WarehouseServer {
  readonly stage: 'Transform';
  readonly model: Model;
  readonly schema: string;
  /** The tables of the pipeline that the SELECT may read. */
  readonly tables: readonly string[];
  readonly timeZone: string;
}

export interface SweepSpec {
  readonly stage: 'Sweep';
  readonly retention: { readonly raw?: string; readonly clean?: string; readonly quarantine?: string };
}

/** How small clean files become few. */
export interface CompactSpec {
  readonly stage: 'Compact';
  readonly dataset: string;
  readonly key: readonly string[];
}

export type StageSpec = ExtractSpec | CleanSpec | LoadSpec | ModelSpec | CompactSpec | SweepSpec;

/** A stage spec with its two digests. */
export interface Resolved<Spec> {
  readonly value: Spec;
  /** Names the whole spec in the lake: a step runs by the spec it was planned with. */
  readonly digest: string;
  /** Digest of what changes the result; the part of the spec that is in the step's key. */
  readonly identity: string;
}

export interface DatasetSpecs {
  readonly name: string;
  readonly extract: Resolved<ExtractSpec>;
  readonly clean: Resolved<CleanSpec>;
  readonly load: Resolved<LoadSpec>;
  readonly rebuild: Resolved<LoadSpec>;
  readonly compact: Resolved<CompactSpec>;
}

export interface PipelineSpecs {
  readonly datasets: readonly DatasetSpecs[];
  /** In an order in which every model comes after those it reads. */
  readonly models: readonly {
    readonly name: string;
    readonly tables: readonly string[];
    readonly model: Resolved<ModelSpec>;
  }[];
  readonly sweep: Resolved<SweepSpec>;
}

/** What the manifest alone does not say. */
export interface Surroundings {
  readonly params: Readonly<Record<string, string | number | boolean>>;
  /** Identity of the warehouse that tables go to. */
  readonly warehouse: string;
  /** Model → the tables its SELECT names, from the parse tree. */
  readonly tablesOf: ReadonlyMap<string, readonly string[]>;
  /** Digest of the rules of the SQL functions that some SQL texts call: a better rule is another result. */
  readonly functions: (sql: readonly string[]) => string;
}

/** Pages and files of one step: about a minute at ordinary sources. */
const part = { pages: 20, files: 20 };

/** Cuts a pipeline into the specs of its stages. */
export function resolveSpecs(pipeline: Pipeline, around: Surroundings): PipelineSpecs {
  const { spec } = pipeline;
  const schema = schemaOf(pipeline);
  const models = (spec.transform?.models ?? []).map((model) => {
    const tables = around.tablesOf.get(model.name) ?? [];
    const value: ModelSpec = { stage: 'Transform', model, schema, tables, timeZone: spec.timeZone };
    return { name: model.name, tables, model: resolveModel(value, serverOf(pipeline), around) };
  });
  return {
    datasets: spec.datasets.map((dataset) => resolveDataset(dataset, schema, spec, around, serverOf(pipeline))),
    models: dependenciesFirst(models),
    sweep: resolve<SweepSpec>({ stage: 'Sweep', retention: spec.retention ?? {} }, {}),
  };
}

function resolveDataset(
  dataset: Dataset,
  schema: string,
  { timeZone, retention, privacy }: Pipeline['spec'],
  around: Surroundings,
  server: WarehouseServer,
): DatasetSpecs {
  const keepReplaced = retention.tables;
  const pseudonymKey = privacy?.pseudonymKey?.secretKeyRef;
  const { name, key, version, format, clean, load } = dataset;
  const identity = { key, ...(version === undefined ? {} : { version }) };
  const extract: ExtractSpec = {
    stage: 'Extract',
    dataset: name,
    extract: dataset.extract,
    format,
    params: around.params,
    part,
  };
  const cleaning: CleanSpec = {
    stage: 'Clean',
    dataset: name,
    ...identity,
    format,
    clean,
    timeZone,
    seen: load.onMissing !== 'Ignore',
    ...(pseudonymKey && clean.columns.some(({ pseudonym }) => pseudonym) && { pseudonymKey }),
  };
  const columns = loadedColumns(clean).map(({ name, type, from, description }) => {
    const comment = description ?? (typeof from === 'string' ? from : undefined);
    return { name, type, ...(comment === undefined ? {} : { comment }) };
  });
  const target = { schema, table: name, warehouse: around.warehouse };
  const loading: LoadSpec = {
    stage: 'Load',
    dataset: name,
    ...identity,
    columns,
    load,
    timeZone,
    target: { ...target, ...server },
    keepReplaced,
    rebuild: false,
  };
  // The limit on missing rows guards a load; it does not change what a load that passed it wrote.
  const loadIdentity = {
    ...loading,
    target,
    load: { ...load, maxMissingPercent: undefined },
    columns: columns.map(({ name, type }) => ({ name, type })),
    keepReplaced: undefined,
    rebuild: undefined,
  };
  const sql = [...clean.columns.flatMap((column) => (column.sql === undefined ? [] : [column.sql])), clean.where ?? ''];
  return {
    name,
    extract: resolve(extract, extractIdentity(dataset.extract)),
    clean: resolve(cleaning, { ...withoutDescriptions(cleaning), functions: around.functions(sql) }),
    load: resolve(loading, loadIdentity),
    rebuild: resolve({ ...loading, rebuild: true }, loadIdentity),
    compact: resolve<CompactSpec>({ stage: 'Compact', dataset: name, key }, { key }),
  };
}

/** The semantic fields of an extract: limits, page size, headers, secrets, retries and time-outs change no result. */
function extractIdentity({ rest, files }: Extract): object {
  return {
    ...(rest && {
      rest: { method: rest.method, path: rest.path, query: rest.query, body: rest.body, forEach: rest.forEach },
    }),
    ...(files && { files: { paths: files.paths } }),
  };
}

function resolveModel(value: ModelSpec, server: WarehouseServer, around: Surroundings): Resolved<ModelSpec> {
  const functions = around.functions([value.model.sql, value.model.insight ?? '']);
  const identity = { ...withoutDescriptions(value), warehouse: around.warehouse, functions };
  return resolve({ ...value, ...server }, identity);
}

const resolve = <Spec extends object>(value: Spec, identity: object): Resolved<Spec> => ({
  value,
  digest: digestOf(value as unknown as Json),
  identity: digestOf(identity as Json),
});

const withoutDescriptions = (value: object): object =>
  JSON.parse(JSON.stringify(value, (name, member: unknown) => (name === 'description' ? undefined : member))) as object;

/** Models in dependency order. Cycles are refused when the manifest is validated; a rest that has one keeps its order. */
function dependenciesFirst<M extends { readonly name: string; readonly tables: readonly string[] }>(
  models: readonly M[],
): M[] {
  const ordered: M[] = [];
  let rest = [...models];
  while (rest.length > 0) {
    const names = new Set(rest.map(({ name }) => name));
    const ready = rest.filter(({ tables, name }) => !tables.some((table) => table !== name && names.has(table)));
    ordered.push(...(ready.length > 0 ? ready : rest));
    rest = ready.length > 0 ? rest.filter((model) => !ready.includes(model)) : [];
  }
  return ordered;
}

/** The schema of the warehouse that a pipeline's tables are in. */
export const schemaOf = ({ metadata, spec }: Pick<Pipeline, 'metadata' | 'spec'>): string =>
  (spec.warehouse?.duckdb ?? spec.warehouse?.postgres)?.schema ?? snakeCase(metadata.name);

/** The server of a pipeline's warehouse, if it is one. */
export function serverOf({ spec }: Pick<Pipeline, 'spec'>): WarehouseServer {
  const { urlFrom, caFrom } = spec.warehouse?.postgres ?? {};
  return { ...(urlFrom && { url: urlFrom.secretKeyRef }), ...(caFrom && { ca: caFrom.secretKeyRef }) };
}

/** The secret with the URL of a pipeline's warehouse, when that is a server. */
export const urlOf = (pipeline: Pick<Pipeline, 'spec'>): SecretKeyRef | undefined => serverOf(pipeline).url;

/** `talent-pulse` → `talent_pulse`. */
const snakeCase = (name: string): string => name.replaceAll('-', '_');

import { randomUUID } from 'node:crypto';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { DuckDBConnection } from '@duckdb/node-api';
import { identifier, literal, literals, type Row, row, rows, withMemoryDatabase } from '../connectors/duckdb.ts';
import { lakeFileMissing, packedFrom } from '../connectors/warehouses/warehouse.ts';
import { type Lake, mapBounded, putSpec } from '../lake/lake.ts';
import { layout } from '../lake/layout.ts';
import { inOrderOfUse, nameOf, packedFiles } from '../lake/packs.ts';
import {
  type Chunk,
  type Item,
  type ItemList,
  itemColumns,
  itemListName,
  itemSources,
  knownItems,
} from '../run/items.ts';
import type { Json } from '../run/key.ts';
import { awaitingItems, datasetsOf, type PlanInput } from '../run/plan.ts';
import type { DatasetSpecs } from '../run/specs.ts';

/** Items that one run asks for; whatever is beyond waits for the next. */
const mostItems = 100_000;
/** Longest time to find out which items there are. */
const timeoutMs = 300_000;

/** Which items a run asks for, as far as that is decided already or can be decided now. */
export async function itemLists(lake: Lake, input: PlanInput, scratch: string): Promise<ReadonlyMap<string, ItemList>> {
  const lists = new Map<string, ItemList>();
  for (const specs of datasetsOf(input)) {
    const list = await findList(lake, input, specs);
    if (list) lists.set(specs.name, list);
  }
  for (const { specs, source } of awaitingItems({ ...input, items: lists })) {
    const found = await inScratch(scratch, (folder) => findItems(lake, input, specs, source, folder));
    lists.set(specs.name, await storeList(lake, input, specs, found));
  }
  return lists;
}

async function findList(lake: Lake, input: PlanInput, specs: DatasetSpecs): Promise<ItemList | undefined> {
  if (!specs.extract.value.extract.rest?.forEach) return undefined;
  const bytes = await lake.store.get(layout.items(specs.name, input.slice, itemListName(input, specs)));
  return bytes && (JSON.parse(bytes.toString('utf8')) as ItemList);
}

/** Create-only: two plans that decide at the same time go on with what the first decided. */
async function storeList(lake: Lake, input: PlanInput, specs: DatasetSpecs, found: Found): Promise<ItemList> {
  const size = specs.extract.value.extract.rest?.forEach?.chunk ?? 1;
  const { items, skippedKnown, left } = found;
  const count = Math.max(1, Math.ceil(items.length / size));
  const chunks = Array.from({ length: count }, (_, at): Chunk => {
    const some = items.slice(at * size, (at + 1) * size);
    return at === 0 ? { items: some, skippedKnown, left } : { items: some, skippedKnown: 0, left: 0 };
  });
  const list: ItemList = { v: 1, chunks: await mapBounded(chunks, 16, (chunk) => putSpec(lake, chunk as never)) };
  const path = layout.items(specs.name, input.slice, itemListName(input, specs));
  if ((await lake.store.putIfAbsent(path, Buffer.from(JSON.stringify(list)))) === 'created') return list;
  return (await findList(lake, input, specs)) ?? list;
}

interface Found {
  readonly items: readonly Item[];
  readonly skippedKnown: number;
  readonly left: number;
}

/** Compares the rows that are items with what published steps are done with; both stay in files until the end. */
async function findItems(
  lake: Lake,
  input: PlanInput,
  specs: DatasetSpecs,
  source: DatasetSpecs,
  folder: string,
): Promise<Found> {
  const files = itemSources({ ...input, ...known(input, specs) }, source).flatMap(({ paths, until }) =>
    paths.map((path) => ({ path, until })),
  );
  if (files.length === 0) return { items: [], skippedKnown: 0, left: 0 };
  const packs = input.manifests.filter(({ stage, dataset }) => stage === 'Compact' && dataset === source.name);
  const packed = packedFiles(inOrderOfUse(packs));
  const rowFiles = await mapBounded(files, 16, async ({ path, until }) => ({
    ...{ until, from: packed.has(path) ? nameOf(path) : '' },
    local: await localFile(lake, packed.get(path) ?? path, folder),
  }));
  const skips = specs.extract.value.extract.rest?.forEach?.skip === 'Known' && input.run.refresh !== true;
  const chunks = await mapBounded(skips ? knownItems(input, specs) : [], 16, async (each) => ({
    ...each,
    local: await localFile(lake, layout.spec(each.chunk), folder),
  }));
  const temporary = join(folder, 'spill');
  await mkdir(temporary);
  const folders = [...new Set([folder, ...[...rowFiles, ...chunks].map(({ local }) => dirname(local))])];
  const columns = itemColumns(specs.extract.value);
  return withMemoryDatabase(
    { folders, memory: '1GB', temporary },
    AbortSignal.timeout(timeoutMs),
    async (connection) => {
      await tableOfItems(connection, columns, rowFiles);
      await tableOfKnown(connection, columns, chunks);
      return select(connection, columns, source);
    },
  );
}

const known = (input: PlanInput, { name }: DatasetSpecs) => ({
  dataset: name,
  published: new Map(input.manifests.map((manifest) => [manifest.key, manifest])),
  holding: [],
});

interface RowFile {
  readonly local: string;
  /** Of a pack: which of its rows are meant. */
  readonly from: string;
  readonly until: string | undefined;
}

/** `_items`: each item once, and until when the newest that was told of it is true. */
async function tableOfItems(
  connection: DuckDBConnection,
  columns: readonly string[],
  files: readonly RowFile[],
): Promise<void> {
  const names = columns.map(identifier).join(', ');
  const values = files.map(({ local, from, until = '' }) => `(${[local, from, until].map(literal).join(', ')})`);
  await connection.run(`CREATE TABLE _files AS SELECT * FROM (VALUES ${values.join(', ')}) AS _(_path, _part, _until)`);
  const paths = [...new Set(files.map(({ local }) => local))];
  const part = files.some(({ from }) => from !== '') ? `coalesce(${packedFrom}, '')` : "''";
  await connection.run(
    `CREATE TABLE _items AS SELECT ${names}, max(_until) AS _until
     FROM read_parquet(${literals(paths)}, filename = '_file', hive_partitioning = false, union_by_name = true)
     JOIN _files ON _path = _file AND _part = ${part} WHERE ${columns.map((name) => `${identifier(name)} IS NOT NULL`).join(' AND ')}
     GROUP BY ${names}`,
  );
}

interface ChunkFile {
  readonly local: string;
  readonly done: number;
  readonly asOf: string;
}

/** `_known`: the text of each column of items that were asked for, and when last. */
async function tableOfKnown(
  connection: DuckDBConnection,
  columns: readonly string[],
  chunks: readonly ChunkFile[],
): Promise<void> {
  const texts = columns.map((name, at) => `json_extract_string(_item, ${literal(`$.${name}`)}) AS _c${at}`);
  if (chunks.length === 0) {
    const none = columns.map((_, at) => `'' AS _c${at}`);
    await connection.run(`CREATE TABLE _known AS SELECT ${none.join(', ')}, '' AS _as_of WHERE false`);
    return;
  }
  const values = chunks.map(({ local, done, asOf }) => `(${literal(local)}, ${done}, ${literal(asOf)})`).join(', ');
  await connection.run(`CREATE TABLE _chunks AS SELECT * FROM (VALUES ${values}) AS _(filename, _done, _as_of)`);
  // Two runs of one logical time may have cut the same chunk.
  const files = literals([...new Set(chunks.map(({ local }) => local))]);
  await connection.run(
    `CREATE TABLE _known AS SELECT ${columns.map((_, at) => `_c${at}`).join(', ')}, max(_as_of) AS _as_of FROM (
       SELECT ${texts.join(', ')}, _as_of FROM (
         SELECT unnest(items[1:_done]) AS _item, _as_of
         FROM read_json(${files}, columns = {items: 'JSON[]'}, filename = true) JOIN _chunks USING (filename)))
     GROUP BY ALL`,
  );
}

/** What is not known yet, the newest first. */
async function select(connection: DuckDBConnection, columns: readonly string[], source: DatasetSpecs): Promise<Found> {
  const same = columns.map((name, at) => `_c${at} = ${identifier(name)}::VARCHAR`).join(' AND ');
  await connection.run(
    `CREATE TABLE _open AS SELECT _items.*, coalesce(_as_of >= _until, false) AS _isKnown FROM _items LEFT JOIN _known ON ${same}`,
  );
  const names = columns.map(identifier).join(', ');
  const found = await rows(
    connection,
    `SELECT ${names} FROM _open WHERE NOT _isKnown ORDER BY _until DESC, ${names} LIMIT ${mostItems}`,
  );
  const { skipped, open } = await row(
    connection,
    `SELECT count(*) FILTER (WHERE _isKnown)::INTEGER AS skipped, count(*) FILTER (WHERE NOT _isKnown)::INTEGER AS open FROM _open`,
  );
  const integers = new Set(source.load.value.columns.flatMap(({ name, type }) => (type === 'integer' ? [name] : [])));
  const items = found.map((each) => withNumbers(each, integers));
  return { items, skippedKnown: Number(skipped), left: Number(open) - items.length };
}

/** Whole numbers come as text from the database; those that JSON can hold exactly become numbers again. */
function withNumbers(found: Row, integers: ReadonlySet<string>): Item {
  const value = (name: string, member: Json): Json =>
    integers.has(name) && Number.isSafeInteger(Number(member)) ? Number(member) : member;
  return Object.fromEntries(Object.entries(found).map(([name, member]) => [name, value(name, member)]));
}

async function localFile({ store }: Lake, path: string, folder: string): Promise<string> {
  if (store.localPath) return store.localPath(path);
  const bytes = await store.get(path);
  if (!bytes) throw lakeFileMissing(path, 'forEach');
  const local = join(folder, path.replaceAll('/', '_'));
  await writeFile(local, bytes);
  return local;
}

async function inScratch<Result>(scratch: string, work: (folder: string) => Promise<Result>): Promise<Result> {
  const folder = join(scratch, `items-${randomUUID()}`);
  await mkdir(folder, { recursive: true });
  try {
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

import { randomUUID } from 'node:crypto';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { DuckDBConnection } from '@duckdb/node-api';
import { identifier, literal, literals, type Row, row, rows, withMemoryDatabase } from '../connectors/duckdb.ts';
import { lakeFileMissing, packedFrom } from '../connectors/warehouses/warehouse.ts';
import { type NumberedList, readItemLists } from '../lake/itemLists.ts';
import { type Lake, mapBounded, putSpec } from '../lake/lake.ts';
import { layout } from '../lake/layout.ts';
import { inOrderOfUse, nameOf, packedFiles } from '../lake/packs.ts';
import { TransientError } from '../run/errors.ts';
import {
  asksForItems,
  type Chunk,
  type Item,
  type ItemList,
  type ItemPart,
  itemColumns,
  itemKey,
  itemListName,
  itemSources,
  knownItems,
  openParts,
} from '../run/items.ts';
import type { Json } from '../run/key.ts';
import { awaitingItems, datasetsOf, type PlanInput } from '../run/plan.ts';
import type { DatasetSpecs } from '../run/specs.ts';

/** Items that one run asks for; whatever is beyond waits for the next. */
const mostItems = 100_000;
/** Runs that list the items of one dataset at the same moment. */
const mostTries = 20;
/** Longest time to find out which items there are. */
const timeoutMs = 300_000;

/** Which items a run asks for, as far as that is decided already or can be decided now. */
export async function itemLists(lake: Lake, input: PlanInput, scratch: string): Promise<ReadonlyMap<string, ItemList>> {
  const lists = new Map<string, ItemList>();
  for (const specs of datasetsOf(input).filter(asksForItems)) {
    const list = ownList(input, specs, await readItemLists(lake, specs.name));
    if (list) lists.set(specs.name, list);
  }
  for (const { specs, source } of awaitingItems({ ...input, items: lists })) {
    lists.set(specs.name, await makeList(lake, input, specs, source, scratch));
  }
  return lists;
}

const ownList = (input: PlanInput, specs: DatasetSpecs, lists: readonly NumberedList[]): ItemList | undefined =>
  lists.find(({ name }) => name === itemListName(input, specs));

/** Create-only under the next number: whoever has been overtaken looks again at what there is to ask for. */
async function makeList(
  lake: Lake,
  input: PlanInput,
  specs: DatasetSpecs,
  source: DatasetSpecs,
  scratch: string,
): Promise<ItemList> {
  for (let tried = 0; tried < mostTries; tried += 1) {
    const before = await readItemLists(lake, specs.name);
    const own = ownList(input, specs, before);
    if (own) return own;
    const open = openParts(input, specs, before);
    const found = await inScratch(scratch, (folder) => findItems(lake, input, specs, source, { open, folder }));
    const list = await listOf(lake, input, specs, found);
    const path = layout.itemList(specs.name, 1 + (before.at(-1)?.number ?? 0));
    if ((await lake.store.putIfAbsent(path, Buffer.from(JSON.stringify(list)))) === 'created') return list;
  }
  throw new TransientError(`so many runs list the items of ${specs.name} that no number could be taken`);
}

async function listOf(lake: Lake, input: PlanInput, specs: DatasetSpecs, found: Found): Promise<ItemList> {
  const size = specs.extract.value.extract.rest?.forEach?.chunk ?? 1;
  const { items, skippedKnown, left, adopted } = found;
  const count = Math.max(1, Math.ceil(items.length / size));
  const chunks = Array.from({ length: count }, (_, at): Chunk => {
    const some = items.slice(at * size, (at + 1) * size);
    return at === 0 ? { items: some, skippedKnown, left } : { items: some, skippedKnown: 0, left: 0 };
  });
  const digests = await mapBounded(chunks, 16, (chunk) => putSpec(lake, chunk as never));
  const at = new Date().toISOString();
  const parts = digests.map((chunk, part) => {
    const of = { slice: input.slice, part: String(part), chunk };
    return { ...of, key: itemKey(input, specs, of) };
  });
  return { v: 2, at, name: itemListName(input, specs), spec: specs.extract.identity, parts, adopted };
}

interface Found {
  readonly items: readonly Item[];
  readonly skippedKnown: number;
  readonly left: number;
  /** Parts of other runs that hold what is not known either. */
  readonly adopted: readonly ItemPart[];
}

/** Compares the rows that are items with what published steps are done with; both stay in files until the end. */
async function findItems(
  lake: Lake,
  input: PlanInput,
  specs: DatasetSpecs,
  source: DatasetSpecs,
  { open, folder }: { readonly open: readonly ItemPart[]; readonly folder: string },
): Promise<Found> {
  const files = itemSources({ ...input, ...known(input, specs) }, source).flatMap(({ paths, until }) =>
    paths.map((path) => ({ path, until })),
  );
  if (files.length === 0) return { items: [], skippedKnown: 0, left: 0, adopted: [] };
  const packs = input.manifests.filter(({ stage, dataset }) => stage === 'Compact' && dataset === source.name);
  const packed = packedFiles(inOrderOfUse(packs));
  const rowFiles = await mapBounded(files, 16, async ({ path, until }) => ({
    ...{ until, from: packed.has(path) ? nameOf(path) : '' },
    local: await localFile(lake, packed.get(path) ?? path, folder),
  }));
  const skips = specs.extract.value.extract.rest?.forEach?.skip === 'Known' && input.run.refresh !== true;
  const localChunks = (chunks: readonly Omit<ChunkFile, 'local'>[]) =>
    mapBounded(chunks, 16, async (each) => ({
      ...each,
      local: await localFile(lake, layout.spec(each.chunk), folder),
    }));
  const chunks = await localChunks(skips ? knownItems(input, specs) : []);
  const pending = await localChunks(
    (skips ? open : []).map(({ chunk, slice: { asOf } }, part) => ({ chunk, done: mostItems, asOf, part })),
  );
  const temporary = join(folder, 'spill');
  await mkdir(temporary);
  const folders = [...new Set([folder, ...[...rowFiles, ...chunks, ...pending].map(({ local }) => dirname(local))])];
  const columns = itemColumns(specs.extract.value);
  return withMemoryDatabase(
    { folders, memory: '1GB', temporary },
    AbortSignal.timeout(timeoutMs),
    async (connection) => {
      await tableOfItems(connection, columns, rowFiles);
      await tableOfChunks(connection, '_known', columns, chunks);
      await tableOfChunks(connection, '_pending', columns, pending);
      return select(connection, columns, source, open);
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
  readonly chunk: string;
  readonly local: string;
  /** How many of its items count. */
  readonly done: number;
  readonly asOf: string;
  /** Place in the list of open parts. */
  readonly part?: number;
}

/** A table with the text of each column of the items of some chunks, when they were asked for last, and in which part. */
async function tableOfChunks(
  connection: DuckDBConnection,
  table: '_known' | '_pending',
  columns: readonly string[],
  chunks: readonly ChunkFile[],
): Promise<void> {
  const texts = columns.map((name, at) => `json_extract_string(_item, ${literal(`$.${name}`)}) AS _c${at}`);
  if (chunks.length === 0) {
    const none = columns.map((_, at) => `'' AS _c${at}`);
    await connection.run(`CREATE TABLE ${table} AS SELECT ${none.join(', ')}, '' AS _as_of, 0 AS _part WHERE false`);
    return;
  }
  const values = chunks.map(
    ({ local, done, asOf, part = 0 }) => `(${literal(local)}, ${done}, ${literal(asOf)}, ${part})`,
  );
  const names = `filename, _done, _as_of, _part`;
  await connection.run(`CREATE TABLE ${table}_in AS SELECT * FROM (VALUES ${values.join(', ')}) AS _(${names})`);
  // Two runs of one logical time may have cut the same chunk.
  const files = literals([...new Set(chunks.map(({ local }) => local))]);
  await connection.run(
    `CREATE TABLE ${table} AS
     SELECT ${columns.map((_, at) => `_c${at}`).join(', ')}, max(_as_of) AS _as_of, arg_max(_part, _as_of) AS _part FROM (
       SELECT ${texts.join(', ')}, _as_of, _part FROM (
         SELECT unnest(items[1:_done]) AS _item, _as_of, _part
         FROM read_json(${files}, columns = {items: 'JSON[]'}, filename = true) JOIN ${table}_in USING (filename)))
     GROUP BY ALL`,
  );
}

/** What is neither known nor asked for by others, the newest first. */
async function select(
  connection: DuckDBConnection,
  columns: readonly string[],
  source: DatasetSpecs,
  open: readonly ItemPart[],
): Promise<Found> {
  const sameAs = (table: string) =>
    columns.map((name, at) => `${table}._c${at} = _items.${identifier(name)}::VARCHAR`).join(' AND ');
  await connection.run(
    `CREATE TABLE _open AS
     SELECT _items.*, coalesce(_known._as_of >= _until, false) AS _isKnown,
       CASE WHEN _pending._as_of >= _until THEN _pending._part END AS _part
     FROM _items LEFT JOIN _known ON ${sameAs('_known')} LEFT JOIN _pending ON ${sameAs('_pending')}`,
  );
  const names = columns.map(identifier).join(', ');
  const isOpen = 'NOT _isKnown AND _part IS NULL';
  const found = await rows(
    connection,
    `SELECT ${names} FROM _open WHERE ${isOpen} ORDER BY _until DESC, ${names} LIMIT ${mostItems}`,
  );
  const { skipped, remaining } = await row(
    connection,
    `SELECT count(*) FILTER (WHERE _isKnown)::INTEGER AS skipped, count(*) FILTER (WHERE ${isOpen})::INTEGER AS remaining FROM _open`,
  );
  const asked = await rows(
    connection,
    'SELECT DISTINCT _part FROM _open WHERE NOT _isKnown AND _part IS NOT NULL ORDER BY 1',
  );
  const integers = new Set(source.load.value.columns.flatMap(({ name, type }) => (type === 'integer' ? [name] : [])));
  const items = found.map((each) => withNumbers(each, integers));
  const adopted = asked.flatMap(({ _part }) => open[Number(_part)] ?? []);
  return { items, skippedKnown: Number(skipped), left: Number(remaining) - items.length, adopted };
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

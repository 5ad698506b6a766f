import { createHash } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { DuckDBConnection } from '@duckdb/node-api';
import { rowsHash } from '../connectors/canonical.ts';
import { identifier, literal, literals, row, withMemoryDatabase } from '../connectors/duckdb.ts';
import { localFile } from '../connectors/stores/local.ts';
import { lakeFileMissing, packedFrom } from '../connectors/warehouses/warehouse.ts';
import { mapBounded } from '../lake/lake.ts';
import { layout } from '../lake/layout.ts';
import { nameOf, packManifests } from '../lake/packs.ts';
import { TerminalError } from '../run/errors.ts';
import type { CompactSpec } from '../run/specs.ts';
import type { ColumnSchema, FileRef, Manifest, Partition } from '../run/types.ts';
import { writeFile } from './clean/files.ts';
import type { Stage, StageContext } from './stage.ts';

type Context = StageContext<CompactSpec>;

/** A small file whose rows go into a pack, and where it is on this machine. */
interface Small extends FileRef {
  readonly local: string;
  readonly values: Partition['values'];
}

/**
 * Brings the rows of many small clean files into one file for each partition, sorted by key, each with the name of the
 * file it comes from; and the manifests of its slices into one file. The same inputs give the same bytes.
 */
export const compact: Stage<CompactSpec> = async (context) => {
  const { inputs, lake, spec, scratch, signal } = context;
  const cleans = inputs.filter(({ stage }) => stage === 'Clean');
  const files = await localFiles(context, cleans);
  const temporary = join(scratch, 'spill');
  await mkdir(temporary);
  const folders = [...new Set([scratch, ...files.map(({ local }) => dirname(local))])];
  const schema = cleans[0]?.schema ?? [];
  const partitions = await withMemoryDatabase({ folders, memory: '1GB', temporary }, signal, async (connection) => {
    const packs: Partition[] = [];
    for (const ofFolder of byFolder(files)) packs.push(await writePack(connection, context, schema, ofFolder));
    return packs;
  });
  const manifests = await packManifests(inputs);
  const path = layout.replaced(spec.dataset, createHash('sha256').update(manifests).digest('hex'));
  await lake.store.putIfAbsent(path, manifests);
  context.crashPoint('after-pack-files');
  return {
    ...{ partitions, schema, replaces: [{ path, bytes: manifests.length, rows: inputs.length }] },
    ledger: {
      ...{ manifests: cleans.length, files: files.length, bytes: total(files, 'bytes') },
      packs: partitions.length,
      packedBytes: total(
        partitions.flatMap((partition) => partition.files),
        'bytes',
      ),
      rows: total(partitions, 'rows'),
    },
  };
};

async function localFiles({ lake: { store }, scratch }: Context, cleans: readonly Manifest[]): Promise<Small[]> {
  const byPath = new Map(
    cleans.flatMap(({ partitions }) =>
      partitions.flatMap(({ values, files }) => files.map((file) => [file.path, { ...file, values }] as const)),
    ),
  );
  return mapBounded([...byPath.values()], 16, async (file) => {
    const local = await localFile(store, file.path, scratch);
    if (local === undefined) throw lakeFileMissing(file.path, 'compact');
    return { ...file, local };
  });
}

/** A folder is a partition. */
const byFolder = (files: readonly Small[]): (readonly Small[])[] =>
  [...Map.groupBy(files, ({ path }) => dirname(path))].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, all]) => all);

async function writePack(
  connection: DuckDBConnection,
  { spec, lake, scratch }: Context,
  schema: readonly ColumnSchema[],
  files: readonly Small[],
): Promise<Partition> {
  const [first] = files;
  if (!first) throw new Error('a partition of a pack has no files');
  const folder = dirname(first.path);
  const sources = files.map(({ path, local }) => `(${literal(local)}, ${literal(nameOf(path))})`).join(', ');
  const read = `read_parquet(${literals(files.map(({ local }) => local))}, filename = '_local', file_row_number = true, hive_partitioning = false)`;
  const order = [...spec.key.map(identifier), packedFrom, 'file_row_number'].join(', ');
  const written = await writeFile(
    { connection, lake, dataset: spec.dataset, scratch },
    `SELECT * EXCLUDE (_local, _of, file_row_number) FROM ${read}
     JOIN (VALUES ${sources}) AS sources(_of, ${packedFrom}) ON _of = _local ORDER BY ${order}`,
    (content) => `${folder}/${content.slice(0, 16)}.parquet`,
  );
  const hash = rowsHash(schema.map(({ name }) => name));
  const found = await row(
    connection,
    `SELECT count(*)::INTEGER AS rows, ${hash} AS hash FROM read_parquet(${literal(join(scratch, 'out.parquet'))})`,
  );
  const rows = Number(found.rows);
  if (rows !== total(files, 'rows')) throw differs(folder, rows, total(files, 'rows'));
  const holds = files.map(({ path }) => nameOf(path)).sort();
  return { values: first.values, rows, rowsHash: String(found.hash), files: [{ ...written, rows, holds }] };
}

const differs = (folder: string, rows: number, expected: number): TerminalError =>
  new TerminalError(
    'LakeFileDamaged',
    `compact: the files of ${folder} hold ${rows} rows, but their manifests say ${expected}; restore the files from a copy of the lake`,
  );

const total = <Name extends string>(items: readonly { readonly [name in Name]?: number }[], name: Name): number =>
  items.reduce((sum, item) => sum + (item[name] ?? 0), 0);

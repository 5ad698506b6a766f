import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { literal } from '../src/connectors/duckdb.ts';
import { manifestDigest, manifestPath } from '../src/lake/lake.ts';
import { layout, sliceName } from '../src/lake/layout.ts';
import { type PlanInput, plan } from '../src/run/plan.ts';
import type { Manifest, Step } from '../src/run/types.ts';
import { iso, WindowHouse } from '../test/lake/windowHouse.ts';
import { type Comparison, processorTime } from './compare.ts';

const hours = Number(process.env.BENCH_PACKS_HOURS ?? 8760);
const rowsOfAnHour = 20;

/**
 * A year of hourly windows: a table built anew from packs, against the same from single files, in one lake. All of it
 * happens in this process, so its processor time is told: neighbours on the machine disturb it less than the clock.
 */
export async function packs(): Promise<Comparison[]> {
  const house = new WindowHouse({ source: () => [] });
  try {
    await fillYear(house);
    await house.run({ asOf: iso(hours + 1), from: 'Load' }, ['Load']);
    const before = { ...(await house.objects()), ...(await rebuild(house, hours + 2)) };
    const packing = await processorTime(async () => {
      while ((await house.compact(iso(hours + 3), { packsPerRun: 100 })).length > 0);
    });
    const sweeping = await processorTime(() => house.sweep(new Date(Date.now() + 72 * 3_600_000)));
    const after = { ...(await house.objects()), ...(await rebuild(house, hours + 4)) };
    if (before.rowsHash !== after.rowsHash) throw new Error('the table is not the same');
    const told = ({ manifests, cleanFiles, cleanBytes }: typeof before) =>
      `${manifests} manifests, ${cleanFiles} files in clean/ of ${(cleanBytes / 2 ** 20).toFixed(1)} MiB`;
    const name = `${hours} hourly windows: ${told(before)}; packed: ${told(after)} (packing took ${packing.toFixed(1)} processor seconds, the sweep ${sweeping.toFixed(1)})`;
    return [
      compared(`${name}\n  reading all manifests`, after.reading, before.reading),
      compared('building the table anew', after.building, before.building),
    ];
  } finally {
    await house.close();
  }
}

const compared = (name: string, ours: number, theirs: number): Comparison => ({
  ...{
    name,
    aim: 'processor seconds < 0.5 of those with single files',
    ours: [ours],
    theirs: [theirs],
    ratio: ours / theirs,
  },
});

async function rebuild(house: WindowHouse, at: number) {
  const run = { asOf: iso(at), from: 'Load', refresh: true } as const;
  let input: PlanInput | undefined;
  const reading = await processorTime(async () => {
    input = await house.input(run);
  });
  const [step] = input ? plan(input) : [];
  if (!input || !step?.part.startsWith('rebuild')) throw new Error('the table is not built anew');
  let built: Manifest | undefined;
  const known = input;
  const building = await processorTime(async () => {
    built = await house.work(known, step);
  });
  return { reading, building, rowsHash: built?.partitions[0]?.rowsHash };
}

/** Publishes a year as extract and clean steps would, without their work. */
async function fillYear(house: WindowHouse): Promise<void> {
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  const empty = await house.input({ asOf: iso(hours) });
  const manifests: Manifest[] = [];
  for (;;) {
    const steps = plan({ ...empty, manifests }).filter(({ stage }) => stage === 'Extract' || stage === 'Clean');
    if (steps.length === 0) break;
    const byPath = new Map(manifests.map((each) => [manifestPath(each), each]));
    for (const step of steps) {
      const inputs = step.inputs.flatMap((path) => byPath.get(path) ?? []);
      const manifest = await published(house, connection, step, inputs);
      await put(house, manifestPath(manifest), JSON.stringify(manifest));
      manifests.push(manifest);
    }
  }
  connection.closeSync();
  instance.closeSync();
}

async function published(
  house: WindowHouse,
  connection: DuckDBConnection,
  { key, stage, dataset, slice, part, spec }: Step,
  inputs: readonly Manifest[],
): Promise<Manifest> {
  const rows = rowsOfAnHour;
  const files = stage === 'Clean' ? [await cleanFile(house, connection, slice)] : [];
  const time = new Date().toISOString();
  return {
    ...{ v: 1, key, stage, dataset, run: 'fill', epoch: 1, slice, part, spec, complete: true },
    inputs: inputs.map(manifestDigest),
    ledger:
      stage === 'Extract'
        ? { listed: rows, fetched: rows, skippedKnown: 0, gone: 0, failed: 0, deferred: 0 }
        : { read: rows, expanded: 0, clean: rows, rejected: {}, filtered: 0, deduplicated: 0 },
    partitions: [{ values: {}, rows, rowsHash: key, files }],
    schema: [
      { name: 'id', type: 'BIGINT' },
      { name: 'title', type: 'VARCHAR' },
      { name: 'rule', type: 'VARCHAR' },
      { name: 'at', type: 'TIMESTAMP' },
    ],
    ...(stage === 'Extract' && { source: {} }),
    cost: { requests: 1, bytes: 1, credits: 0 },
    ...{ versions: {}, startedAt: time, finishedAt: time },
  };
}

async function cleanFile(house: WindowHouse, connection: DuckDBConnection, slice: Step['slice']) {
  const name = sliceName(slice);
  const seed = Number.parseInt(createHash('md5').update(name).digest('hex').slice(0, 8), 16);
  const temporary = join(house.folder, 'scratch', 'out.parquet');
  await connection.run(
    `COPY (SELECT (range * 7919 + ${seed}) % 100000 AS id, md5(range || '${seed}') || ' engineer' AS title, '' AS rule,
       TIMESTAMP '2026-01-01' AS "at", TIMESTAMP '2026-01-01' AS _as_of, 'fill' AS _run_id, ${literal(name)} AS _slice,
       'https://source' AS _source_uri, range AS _source_row, md5('${seed}') AS _payload_sha256, TIMESTAMP '2026-01-01' AS _extracted_at
     FROM range(${rowsOfAnHour}) ORDER BY id) TO ${literal(temporary)} (FORMAT parquet, COMPRESSION zstd)`,
  );
  const bytes = await readFile(temporary);
  const path = layout.clean('jobs', '', createHash('sha256').update(bytes).digest('hex'));
  const file = join(house.folder, 'lake', 'default/p', path);
  await mkdir(dirname(file), { recursive: true });
  await rename(temporary, file);
  return { path, bytes: bytes.length, rows: rowsOfAnHour };
}

async function put(house: WindowHouse, path: string, text: string): Promise<void> {
  const file = join(house.folder, 'lake', 'default/p', path);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, text);
}

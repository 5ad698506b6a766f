import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { filesystemStore } from '../../../src/connectors/stores/filesystem.ts';
import { type Lake, manifestDigest } from '../../../src/lake/lake.ts';
import type { StepResult } from '../../../src/run/types.ts';
import { cleaned, type Dataset, extracted, parquet, runClean, temporaryFolder } from './harness.ts';

const bodies = [
  [
    { id: 'b', day: '2026-11-03', place: 'a/b c', n: 1 },
    { id: 'a', day: '2026-11-01', place: 'ñ', n: 2 },
    { id: 'c', day: '2026-12-01', place: null, n: 'x' },
    { id: 'd', day: null, place: 'ñ', n: 4 },
  ]
    .map((record) => JSON.stringify(record))
    .join('\n'),
];

const dataset = (partitionBy: Dataset['clean']['partitionBy'] = []): Dataset => ({
  format: { jsonl: {} },
  key: ['id'],
  seen: true,
  clean: {
    partitionBy,
    columns: [
      { name: 'id', type: 'string', from: '$.id', description: 'What it is known by.' },
      { name: 'day', type: 'date', from: '$.day' },
      { name: 'place', type: 'string', from: '$.place' },
      { name: 'n', type: 'integer', from: '$.n' },
    ],
  },
  bodies,
});

/** Runs the stage over one lake as often as asked; returns the lake's folder too. */
async function again(times: number, of: Dataset): Promise<{ root: string; lake: Lake; results: StepResult[] }> {
  const root = await temporaryFolder();
  const lake: Lake = { store: filesystemStore(join(root, 'lake')), pipeline: 'default/made-up' };
  const input = await extracted(lake, of.bodies);
  const results: StepResult[] = [];
  for (let time = 0; time < times; time += 1) results.push(await runClean(root, lake, [input], of));
  return { root, lake, results };
}

async function listed(lake: Lake, prefix: string): Promise<string[]> {
  const paths: string[] = [];
  for await (const { path } of lake.store.list(prefix)) paths.push(path);
  return paths.sort();
}

describe('files', () => {
  it('hold the columns with their types, sorted by key, and where each row came from', async () => {
    const { rows, result } = await cleaned(dataset());
    expect(rows[0]).toEqual({
      id: 'a',
      day: '2026-11-01',
      place: 'ñ',
      n: 2,
      _as_of: '2026-11-20 06:00:00',
      _run_id: 'made-up-1',
      _slice: '20261120T060000000Z',
      _source_uri: 'https://source.test/0',
      _source_row: '2',
      _payload_sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
      _extracted_at: '2026-11-20 06:00:01.5',
    });
    expect(rows.map(({ id }) => id)).toEqual(['a', 'b', 'd']);
    expect(result.schema).toEqual([
      { name: 'id', type: 'VARCHAR', comment: 'What it is known by.' },
      { name: 'day', type: 'DATE', comment: '$.day' },
      { name: 'place', type: 'VARCHAR', comment: '$.place' },
      { name: 'n', type: 'INTEGER', comment: '$.n' },
    ]);
    expect(result.complete).toBe(true);
    expect(result.partitions?.[0]?.files[0]?.path).toMatch(/^clean\/postings\/[0-9a-f]{16}\.parquet$/);
  });

  it('are cut by period and by value, one folder each, with names that every store takes', async () => {
    const months = await again(1, dataset([{ column: 'day', unit: 'Month' }]));
    expect(months.results[0]?.partitions?.map(({ values, rows }) => [values, rows])).toEqual([
      [{ day: '2026-11' }, 2],
      [{ day: '__HIVE_DEFAULT_PARTITION__' }, 1],
    ]);
    const places = await again(1, dataset([{ column: 'place' }, { column: 'day', unit: 'Year' }]));
    const partitions = places.results[0]?.partitions ?? [];
    expect(partitions.map(({ files }) => files[0]?.path.replace(/[0-9a-f]{16}\.parquet$/, ''))).toEqual([
      'clean/postings/place=a%2Fb%20c/day=2026/',
      'clean/postings/place=%C3%B1/day=2026/',
      'clean/postings/place=%C3%B1/day=__HIVE_DEFAULT_PARTITION__/',
    ]);
    const rows = await parquet(
      places.root,
      partitions.flatMap(({ files }) => files),
    );
    expect(rows.map(({ id }) => id).sort()).toEqual(['a', 'b', 'd']);
  });

  it('of the same input are the same bytes, and the manifest has the same digest', async () => {
    const { lake, results } = await again(3, dataset([{ column: 'day', unit: 'Month' }]));
    const digests = results.map(({ ledger, partitions = [], schema = [] }) =>
      manifestDigest({ key: 'k', ledger, partitions, schema }),
    );
    expect(new Set(digests).size).toBe(1);
    expect(results[1]).toEqual(results[0]);
    expect(await listed(lake, 'clean/postings')).toHaveLength(3);
    expect(await listed(lake, 'quarantine/postings')).toHaveLength(1);
  });

  it('of many rows are the same bytes too, however many threads wrote them', async () => {
    const lines = Array.from(
      { length: 150_000 },
      (_, at) => `${(at * 7919) % 150_000},made-up title ${at % 977},${at}.5`,
    );
    const of: Dataset = {
      format: { csv: {} },
      key: ['id'],
      seen: true,
      clean: {
        columns: [
          { name: 'id', type: 'integer', from: 'id' },
          { name: 'title', type: 'string', from: 'title' },
          { name: 'pay', type: 'decimal(12,2)', from: 'pay', max: '140000' },
        ],
      },
      bodies: [`id,title,pay\n${lines.join('\n')}`],
    };
    const { results } = await again(2, of);
    expect(results[0]?.ledger).toMatchObject({ read: 150_000, clean: 140_000, rejected: { 'max:pay': 10_000 } });
    expect(results[1]).toEqual(results[0]);
  });

  it('rowsHash does not depend on the order of rows, but on every value and on how often a row comes', async () => {
    const hash = async (...records: object[]) => {
      const body = records.map((record) => JSON.stringify(record)).join('\n');
      const columns = dataset().clean.columns;
      const { result } = await cleaned({ format: { jsonl: {} }, clean: { columns }, bodies: [body] });
      return result.partitions?.[0]?.rowsHash;
    };
    const [a, b] = [
      { id: 'a', n: 1 },
      { id: 'b', n: 2 },
    ];
    expect(await hash(a, b)).toBe(await hash(b, a));
    const others = [
      await hash(a),
      await hash(a, a),
      await hash(a, b),
      await hash({ ...a, n: 2 }),
      await hash({ id: 'a', place: '1' }),
    ];
    expect(new Set(others).size).toBe(others.length);
  });

  it('are there before the crash point, and none is there that says so', async () => {
    const of = dataset();
    const root = await temporaryFolder();
    const lake: Lake = { store: filesystemStore(join(root, 'lake')), pipeline: 'default/made-up' };
    const input = await extracted(lake, of.bodies);
    const points: string[] = [];
    const crash = runClean(root, lake, [input], of, {
      crashPoint: (name) => {
        points.push(name);
        throw new Error('a crash');
      },
    });
    await expect(crash).rejects.toThrow('a crash');
    expect(points).toEqual(['after-clean-files']);
    const before = await listed(lake, '');
    const { partitions } = await runClean(root, lake, [input], of);
    expect(await listed(lake, '')).toEqual(before);
    expect(before).toContain(partitions?.[0]?.files[0]?.path);
  });

  it('without rows there are none', async () => {
    const { result } = await cleaned({ ...dataset(), bodies: ['not json\n'] });
    expect(result.partitions).toEqual([]);
    expect(result.quarantine).toHaveLength(1);
    expect((await cleaned({ ...dataset(), bodies: [] })).result).toMatchObject({ partitions: [], seen: [{ rows: 0 }] });
  });

  it('come from copies where the lake is not on this machine', async () => {
    const of = dataset();
    const root = await temporaryFolder();
    const { localPath: _, ...remote } = filesystemStore(join(root, 'lake'));
    const lake: Lake = { store: remote, pipeline: 'default/made-up' };
    const { ledger } = await runClean(root, lake, [await extracted(lake, of.bodies)], of);
    expect(ledger).toMatchObject({ read: 4, clean: 3 });
  });
});

describe('keys seen', () => {
  it('are those of all records, whatever became of them; null where one cannot be read', async () => {
    const { seen, ledger } = await cleaned({
      format: { jsonl: {} },
      key: ['id', 'at'],
      seen: true,
      clean: {
        where: "coalesce(id, '') <> 'filtered'",
        columns: [
          { name: 'id', type: 'string', from: '$.id' },
          { name: 'at', type: 'timestamp', from: '$.at' },
          { name: 'n', type: 'integer', from: '$.n' },
        ],
      },
      bodies: [
        [
          { id: 'kept "a"', at: '2026-01-01T00:00:00Z' },
          { id: 'kept "a"', at: '2026-01-01' },
          { id: 'filtered', at: '2026-01-01' },
          { id: 'rejected', at: '2026-01-01', n: 'x' },
          { id: 'no time' },
          { at: 'no time, no id' },
        ]
          .map((record) => JSON.stringify(record))
          .join('\n'),
        '{"broken',
      ],
    });
    const at = '2026-01-01 00:00:00';
    expect(seen.toSorted()).toEqual(
      [
        ['kept "a"', at],
        ['kept "a"', at],
        ['filtered', at],
        ['rejected', at],
      ]
        .map((key): string | null => JSON.stringify(key))
        .concat(null, null, null)
        .toSorted(),
    );
    expect(ledger).toEqual({
      ...{ read: 7, expanded: 0, clean: 1, filtered: 1, deduplicated: 1 },
      rejected: { json: 1, 'required:at': 1, 'required:id': 1, 'type:n': 1 },
    });
  });
});

it('an abort ends the step', async () => {
  const of = dataset();
  const root = await temporaryFolder();
  const lake: Lake = { store: filesystemStore(join(root, 'lake')), pipeline: 'default/made-up' };
  const input = await extracted(lake, of.bodies);
  const signal = AbortSignal.abort(new Error('the lease is lost'));
  await expect(runClean(root, lake, [input], of, { signal })).rejects.toThrow('the lease is lost');
});

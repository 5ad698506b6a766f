import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { filesystemStore } from '../../src/connectors/stores/filesystem.ts';
import type { Store } from '../../src/connectors/stores/store.ts';
import { manifestDigest } from '../../src/lake/lake.ts';
import type { LoadSpec } from '../../src/run/specs.ts';
import type { CleanLedger, ExtractLedger, Manifest } from '../../src/run/types.ts';
import { load, slicesOf } from '../../src/workers/load.ts';
import type { StageContext } from '../../src/workers/stage.ts';
import { localLimits } from '../connectors/http/localLimits.ts';
import { asOf, postings, World } from '../connectors/warehouses/world.ts';

const manifest = (stage: Manifest['stage'], day: number, part: number, more: Partial<Manifest>): Manifest => ({
  ...{ v: 1, key: `${stage}-${day}-${part}`, stage, dataset: 'postings', run: `run-${day}`, epoch: 1 },
  slice: { asOf: asOf(day), params: 'aaaa' },
  part: String(part),
  ...{ spec: 'sha256:0', inputs: [], complete: true, partitions: [], schema: [], versions: {} },
  ledger: { listed: 2, fetched: 2, skippedKnown: 0, gone: 0, failed: 0, deferred: 0 } satisfies ExtractLedger,
  cost: { requests: 1, bytes: 1, credits: 0 },
  ...{ startedAt: asOf(day), finishedAt: asOf(day) },
  ...more,
});

const cleanLedger: CleanLedger = { read: 2, expanded: 0, clean: 2, rejected: {}, filtered: 0, deduplicated: 0 };

function cleaned(raw: Manifest, files: readonly string[], seen: readonly string[]): Manifest {
  const refs = (paths: readonly string[]) => paths.map((path) => ({ path, bytes: 1, rows: 1 }));
  return manifest('Clean', Number(raw.key.split('-')[1]), Number(raw.part), {
    inputs: [manifestDigest(raw)],
    ledger: cleanLedger,
    partitions: [{ values: {}, rows: 1, rowsHash: 'x', files: refs(files) }],
    seen: refs(seen),
  });
}

/** The manifests of a whole snapshot of some parts. */
function snapshot(day: number, parts: readonly Partial<Manifest>[]): Manifest[] {
  const extracts = parts.map((more, part) =>
    manifest('Extract', day, part, { complete: part === parts.length - 1, ...more }),
  );
  const cleans = extracts.map((raw) => cleaned(raw, [`clean/${day}-${raw.part}`], [`seen/${day}-${raw.part}`]));
  return [...extracts, ...cleans];
}

describe('the snapshots that some manifests tell of', () => {
  it('are in the order of their time, their parts in the order of their numbers', () => {
    const parts = Array.from({ length: 11 }, () => ({ source: { total: 22 } }));
    const slices = slicesOf([...snapshot(2, [{}]), ...snapshot(1, parts).toReversed()], postings.load);
    expect(slices).toEqual([
      {
        ...{ asOf: asOf(1), params: 'aaaa', total: 22 },
        files: parts.map((_, part) => `clean/1-${part}`),
        seen: parts.map((_, part) => `seen/1-${part}`),
      },
      { asOf: asOf(2), params: 'aaaa', files: ['clean/2-0'], seen: ['seen/2-0'] },
    ]);
  });

  it('hold what the source said last', () => {
    const [slice] = slicesOf(snapshot(1, [{ source: { total: 5 } }, { source: { total: 6 } }, {}]), postings.load);
    expect(slice?.total).toBe(6);
  });

  const ledger = { listed: 2, fetched: 1, skippedKnown: 0, gone: 0, failed: 0, deferred: 0 };
  const whole = snapshot(1, [{}, {}]);
  const doubtful: [string, Manifest[], string][] = [
    ['its last part says there is more', snapshot(1, [{}, { complete: false }]), 'the source did not give all it has'],
    ['a part is missing', whole.filter(({ part }) => part !== '0'), 'part 0 of the snapshot is missing'],
    [
      'it was cut off',
      snapshot(1, [{ source: { capped: true } }, {}]),
      'the source cut its answer off at its result cap',
    ],
    ['records failed', snapshot(1, [{ ledger: { ...ledger, failed: 1 } }, {}]), '1 listed records were not fetched'],
    ['records wait', snapshot(1, [{}, { ledger: { ...ledger, deferred: 1 } }]), '1 listed records were not fetched'],
    ['a part is not cleaned', whole.slice(0, 3), 'part 1 of the snapshot is not cleaned'],
    [
      'no keys were kept',
      whole.map(({ seen: _, ...rest }) => rest),
      'the keys of the records that were read were not kept',
    ],
    ['nobody knows', whole.slice(2), 'nothing tells whether the snapshot is whole'],
  ];
  it.each(doubtful)('are not whole when %s', (_what, manifests, incomplete) => {
    expect(slicesOf(manifests, postings.load)[0]?.incomplete).toBe(incomplete);
  });

  it('need no keys where nobody asks what is missing', () => {
    const noKeys = whole.map(({ seen: _, ...rest }) => rest);
    expect(slicesOf(noKeys, { onMissing: 'Ignore' })[0]).not.toHaveProperty('incomplete');
  });

  it('are whole when a record is gone at the source', () => {
    const [slice] = slicesOf(snapshot(1, [{ ledger: { ...ledger, gone: 1 } }]), postings.load);
    expect(slice).not.toHaveProperty('incomplete');
  });
});

describe('the load stage', () => {
  let world: World;
  beforeEach(() => {
    world = new World();
  });
  afterEach(() => world.remove());
  const here = async () => {
    const warehouse = await world.warehouse();
    return () => warehouse;
  };

  const spec: LoadSpec = {
    stage: 'Load',
    dataset: 'postings',
    key: ['id'],
    columns: postings.columns,
    load: { ...postings.load, maxMissingPercent: 100, partitionBy: [] },
    timeZone: 'America/Chicago',
    target: { schema: 'usajobs', table: 'postings', warehouse: 'here' },
    keepReplaced: '7d',
    rebuild: false,
  };
  const passed: string[] = [];

  function contextOf(key: string, inputs: readonly Manifest[], store: Store): StageContext<LoadSpec> {
    return {
      step: {
        key,
        stage: 'Load',
        dataset: 'postings',
        slice: { asOf: asOf(1), params: 'aaaa' },
        part: '0',
        spec: '',
        inputs: [],
      },
      spec,
      inputs,
      run: { name: 'run-1', asOf: asOf(1) },
      lake: { store, pipeline: 'default/usajobs' },
      scratch: world.scratch,
      signal: world.signal,
      secret: () => undefined,
      allowPrivateNetworks: false,
      limits: localLimits(),
      shared: store,
      filesRoot: world.folder,
      crashPoint: (name) => passed.push(name),
      progress: () => undefined,
      log: pino({ enabled: false }),
    };
  }

  const inputsOf = async (day: number, ids: readonly number[]) => {
    const { files, seen } = await world.slice({ day, rows: ids.map((id) => ({ id })) });
    const raw = manifest('Extract', day, 0, { source: { total: ids.length } });
    return [raw, cleaned(raw, files, seen)];
  };

  it('turns snapshots into a result whose ledger adds up, from a lake here or elsewhere', async () => {
    const stage = load(await here());
    const { localPath: _, ...elsewhere } = filesystemStore(world.lake);
    const first = await stage(contextOf('a', await inputsOf(1, [1, 2, 3]), filesystemStore(world.lake)));
    expect(first).toMatchObject({
      ledger: { clean: 3, added: 3, marked: 0 },
      partitions: [{ values: {}, rows: 3, files: [] }],
      schema: postings.columns,
      notices: [],
    });
    const second = await stage(contextOf('b', await inputsOf(2, [1, 3]), elsewhere));
    expect(second).toMatchObject({ ledger: { clean: 2, unchanged: 2, marked: 1 }, partitions: [{ rows: 3 }] });
    expect(passed).toEqual(['after-warehouse-commit', 'after-warehouse-commit']);
  });

  it('gives the same result after a death between commit and manifest', async () => {
    const inputs = await inputsOf(1, [1, 2]);
    const store = filesystemStore(world.lake);
    const before = await load(await here())(contextOf('a', inputs, store));
    await world.close();
    expect(await load(await here())(contextOf('a', inputs, store))).toEqual(before);
    expect(before.ledger).toMatchObject({ added: 2 });
  });

  it('says so when a file of the lake is lost', async () => {
    const [raw] = await inputsOf(1, [1]);
    if (!raw) throw new Error('there is no raw manifest');
    const inputs = [raw, cleaned(raw, ['clean/lost.parquet'], [])];
    const { localPath: _, ...elsewhere } = filesystemStore(world.lake);
    for (const store of [filesystemStore(world.lake), elsewhere]) {
      const failed = load(await here())(contextOf('a', inputs, store));
      await expect(failed).rejects.toMatchObject({
        reason: 'LakeFileMissing',
        message: expect.stringContaining('clean/lost.parquet'),
      });
    }
  });
});

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { collectable, type SweepInput } from '../../src/lake/garbage.ts';
import { manifestDigest, manifestPath } from '../../src/lake/lake.ts';
import type { Manifest } from '../../src/run/types.ts';
import { manifest } from '../run/reportManifests.ts';
import { ago, anyLake, clean, day, extract, filesOf, hour, load, now, object, objectsOf } from './garbageWorld.ts';

const inputOf = (manifests: readonly Manifest[], differing: Partial<SweepInput> = {}): SweepInput => ({
  ...{ objects: objectsOf(manifests), manifests, unfinishedKeys: new Set(), now, retention: {} },
  itemLists: new Map(),
  ...differing,
});

const removedBy = (input: SweepInput) =>
  Object.fromEntries(collectable(input).garbage.map(({ path, reason }) => [path, reason]));

describe('orphans', () => {
  test('go after a day, derived files and raw bytes alike', () => {
    const objects = [
      object('clean/postings/old.parquet', 25 * hour),
      object('clean/postings/young.parquet', 23 * hour),
      object('raw/postings/2026-11-18/aaaa/000000.json.zst', 25 * hour),
      object('raw/postings/2026-11-18/aaaa/000000.meta.json', 25 * hour),
    ];
    expect(removedBy(inputOf([], { objects }))).toEqual({
      'clean/postings/old.parquet': 'Orphan',
      'raw/postings/2026-11-18/aaaa/000000.json.zst': 'Orphan',
      'raw/postings/2026-11-18/aaaa/000000.meta.json': 'Orphan',
    });
  });

  test('stay while their step is still writing or still planned', () => {
    const growing = [
      object('raw/postings/2026-11-18/aaaa/000000.json.zst', 40 * hour),
      object('raw/postings/2026-11-18/aaaa/000001.json.zst', 1 * hour),
    ];
    expect(removedBy(inputOf([], { objects: growing }))).toEqual({});
    const planned = [
      object('raw/postings/2026-11-18/bbbb/000000.json.zst', 40 * hour),
      object('clean/postings/c.parquet', 40 * hour),
    ];
    expect(removedBy(inputOf([], { objects: planned, unfinishedKeys: new Set(['bbbb']) }))).toEqual({});
  });

  test('are never what is not ours to judge', () => {
    const objects = ['owner.json', '_jobpulse/specs/ab.json', '_jobpulse/runs/run-1.json', 'notes/mine.txt'];
    expect(removedBy(inputOf([], { objects: objects.map((path) => object(path, 900 * day)) }))).toEqual({});
  });
});

describe('lists of items', () => {
  const path = (number: number) => `_jobpulse/items/details/00000000${number}.json`;
  const done = extract('e1', 3 * day);

  test('go a day after all their steps are published, but for the newest', () => {
    const objects = [
      object(path(1), 2 * day),
      object(path(2), 2 * day),
      object(path(3), 2 * day),
      object(path(4), 2 * day),
    ];
    const young = object('_jobpulse/items/details/000000000.json', 23 * hour);
    const itemLists = new Map([
      [path(1), ['e1']],
      [path(2), ['e1', 'open']],
      [path(3), []],
      [path(4), ['e1']],
      [young.path, ['e1']],
    ]);
    const input = inputOf([done], { objects: [...objects, young], itemLists });
    expect(removedBy(input)).toEqual({ [path(1)]: 'Done', [path(3)]: 'Done' });
  });

  test('that nobody goes on with go after a week', () => {
    const objects = [object(path(1), 8 * day), object(path(2), 8 * day)];
    const itemLists = new Map([
      [path(1), ['open']],
      [path(2), ['open']],
    ]);
    expect(removedBy(inputOf([], { objects, itemLists }))).toEqual({ [path(1)]: 'Done' });
  });
});

describe('what a newer spec replaced', () => {
  const raw = extract('e1', 10 * day);
  const before = clean('c1', raw, 9 * day);
  const after = clean('c2', raw, 2 * day);

  test('goes a day after the new one is there, manifest and files', () => {
    expect(removedBy(inputOf([raw, before, after]))).toEqual({
      [manifestPath(before)]: 'Replaced',
      'clean/postings/c1.parquet': 'Replaced',
      'clean/postings/_seen/c1.parquet': 'Replaced',
      'quarantine/postings/c1.parquet': 'Replaced',
    });
    expect(removedBy(inputOf([raw, before, clean('c2', raw, 23 * hour)]))).toEqual({});
  });

  test('leaves the files that the new one shares', () => {
    const sameRows = clean('c2', raw, 2 * day, 'c1');
    expect(removedBy(inputOf([raw, before, sameRows]))).toEqual({ [manifestPath(before)]: 'Replaced' });
  });

  test('is the later one when the rules went back to the earlier ones', () => {
    const reverted = load('l1', [raw, before], 26 * hour);
    expect(removedBy(inputOf([raw, before, after, reverted]))).toMatchObject({
      [manifestPath(after)]: 'Replaced',
      'clean/postings/c2.parquet': 'Replaced',
    });
    expect(Object.keys(removedBy(inputOf([raw, before, after, reverted]))).join()).not.toContain('c1');
  });

  test('is a load that was done again, unless a model was built from it', () => {
    const first = load('l1', [raw, before], 9 * day);
    const second = load('l2', [raw, after], 2 * day);
    const ledger = { rows: 1, passed: 0, warned: 0, failed: 0 };
    const model = manifest({
      stage: 'Transform',
      dataset: 'openings',
      key: 'm1',
      ledger,
      inputs: [manifestDigest(first)],
    });
    const steps = [raw, before, after, first, second];
    expect(removedBy(inputOf(steps))[manifestPath(first)]).toBe('Replaced');
    expect(removedBy(inputOf([...steps, model]))[manifestPath(first)]).toBeUndefined();
  });

  test('does not count again when the newer one goes with its history', () => {
    const newest = extract('e2', 1 * hour);
    const steps = [raw, before, clean('c2', raw, 1 * hour), newest, clean('c3', newest, 1 * hour)];
    const removed = removedBy(inputOf(steps, { retention: { clean: 5 * day, raw: 5 * day } }));
    expect(removed[manifestPath(before)]).toBe('Expired');
    expect(removed['clean/postings/c1.parquet']).toBe('Expired');
    expect(removed['clean/postings/c2.parquet']).toBe('Expired');
  });

  test('is not an older snapshot: that is history', () => {
    const newer = extract('e2', 3 * day);
    expect(removedBy(inputOf([raw, after, newer, clean('c3', newer, 2 * day)]))).toEqual({});
  });
});

describe('retention', () => {
  const old = extract('e1', 40 * day);
  const oldClean = clean('c1', old, 40 * day);
  const young = extract('e2', 2 * day);
  const youngClean = clean('c2', young, 2 * day);
  const steps = [old, oldClean, young, youngClean];

  test('of raw takes the bytes, leaves the manifest and tells the planner', () => {
    const { garbage, expired } = collectable(inputOf(steps, { retention: { raw: 30 * day } }));
    const folder = `raw/postings/${ago(40 * day).slice(0, 10)}/e1`;
    expect(garbage.map(({ path }) => path)).toEqual([`${folder}/000000.json.zst`, `${folder}/000000.meta.json`]);
    expect(expired.map(({ key }) => key)).toEqual(['e1']);
  });

  test('of raw is told once: bytes that have gone are not marked again', () => {
    const objects = objectsOf(steps).filter(({ path }) => !path.includes('/e1/'));
    expect(collectable(inputOf(steps, { objects, retention: { raw: 30 * day } }))).toEqual({
      garbage: [],
      expired: [],
    });
  });

  test('of quarantine takes rejected rows and leaves the manifest', () => {
    expect(removedBy(inputOf(steps, { retention: { quarantine: 30 * day } }))).toEqual({
      'quarantine/postings/c1.parquet': 'Expired',
    });
  });

  test('of quarantine spares a file that a younger snapshot shares', () => {
    const sharing = clean('c2', young, 2 * day, 'c1');
    expect(removedBy(inputOf([old, oldClean, young, sharing], { retention: { quarantine: 30 * day } }))).toEqual({});
  });

  test('of clean waits for the raw bytes, from which history would be cleaned again', () => {
    expect(removedBy(inputOf(steps, { retention: { clean: 30 * day } }))).toEqual({});
    const both = removedBy(inputOf(steps, { retention: { clean: 30 * day, raw: 1 * day } }));
    expect(both[manifestPath(oldClean)]).toBe('Expired');
    expect(both['clean/postings/c1.parquet']).toBe('Expired');
  });

  test('of clean never takes the newest snapshot', () => {
    const removed = removedBy(inputOf([old, oldClean], { retention: { clean: 1 * day, raw: 1 * day } }));
    expect(Object.keys(removed).some((path) => path.startsWith('clean/'))).toBe(false);
    expect(removed[manifestPath(oldClean)]).toBeUndefined();
  });
});

describe('in any lake', () => {
  test('nothing that a current manifest names is garbage, but for rejected rows and raw bytes beyond their retention', () => {
    fc.assert(
      fc.property(anyLake, (input) => {
        const removed = removedBy(input);
        for (const current of currentByHand(input.manifests)) {
          expect(removed[manifestPath(current)]).toBeUndefined();
          for (const path of filesOf(current)) expectKept(input, removed, current, path);
        }
      }),
      { numRuns: 1000 },
    );
  });

  test('what was extracted is never forgotten, and what a run still plans is left alone', () => {
    fc.assert(
      fc.property(anyLake, (input) => {
        const removed = Object.keys(removedBy(input));
        const extracts = input.manifests.filter(({ stage }) => stage === 'Extract').map(manifestPath);
        expect(removed.filter((path) => extracts.includes(path))).toEqual([]);
        const planned = removed.filter((path) => [...input.unfinishedKeys].some((key) => path.includes(key)));
        expect(planned).toEqual([]);
      }),
    );
  });

  test('one sweep is enough, and every manifest that stays has its files', () => {
    fc.assert(
      fc.property(anyLake, (input) => {
        const { garbage } = collectable(input);
        const gone = new Set(garbage.map(({ path }) => path));
        const objects = input.objects.filter(({ path }) => !gone.has(path));
        const manifests = input.manifests.filter((each) => !gone.has(manifestPath(each)));
        expect(collectable({ ...input, objects, manifests }).garbage).toEqual([]);
        const there = new Set(objects.map(({ path }) => path));
        const files = manifests.filter(({ stage }) => stage === 'Clean').flatMap(filesOf);
        expect(files.filter((path) => path.startsWith('clean/') && !there.has(path))).toEqual([]);
      }),
    );
  });
});

/** What counts now, told another way than in the code under test: newest snapshot, and there what was used last. */
function currentByHand(manifests: readonly Manifest[]): Manifest[] {
  const extracts = manifests.filter(({ stage }) => stage === 'Extract');
  const newest = extracts
    .map(({ slice }) => slice.asOf)
    .toSorted()
    .at(-1);
  const lastUse = (each: Manifest) =>
    manifests
      .filter(({ stage, inputs }) => stage === 'Load' && inputs.includes(manifestDigest(each)))
      .map(({ finishedAt }) => finishedAt)
      .concat(each.finishedAt)
      .toSorted()
      .at(-1) ?? '';
  return extracts
    .filter(({ slice }) => slice.asOf === newest)
    .flatMap((raw) => {
      const cleans = manifests.filter(({ stage, inputs }) => stage === 'Clean' && inputs[0] === manifestDigest(raw));
      const last = cleans.map(lastUse).toSorted().at(-1);
      const used = cleans.filter((each) => lastUse(each) === last);
      // Two that were used last at the same moment are decided by key; either answer would be right here.
      return used.length === 1 ? [raw, ...used] : [raw];
    });
}

function expectKept(input: SweepInput, removed: Readonly<Record<string, string>>, current: Manifest, path: string) {
  const area = path.startsWith('raw/') ? 'raw' : path.startsWith('quarantine/') ? 'quarantine' : undefined;
  const kept = area && input.retention[area];
  const age = now.getTime() - Date.parse(current.slice.asOf);
  if (kept === undefined || age <= kept) expect(removed[path], path).toBeUndefined();
}

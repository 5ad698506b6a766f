import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, onTestFinished, test } from 'vitest';
import { listManifests } from '../../src/lake/lake.ts';
import { plan } from '../../src/run/plan.ts';
import type { Manifest } from '../../src/run/types.ts';
import { type HouseOptions, hour, iso, period, start, WindowHouse } from './windowHouse.ts';

/** Two postings of their own for each window, and one that every window tells of. */
const source: HouseOptions['source'] = ({ start: from }, asOf) => {
  const at = (Date.parse(from) - start) / hour;
  return [
    { id: 2 * at + 1, title: `a${at}`, at: iso(at + 20) },
    { id: 2 * at + 2, title: `b${at} as of ${asOf}`, at: iso(at + 20) },
    { id: 0, title: `all ${at}`, at: asOf },
    ...(at % 3 === 0 ? [{ title: 'without an id' }] : []),
  ];
};
const work = ['Extract', 'Clean', 'Load'] as const;
const small = { fewestSlices: 2 };
const later = (days: number) => new Date(Date.now() + days * 24 * hour);

function open(options: Partial<HouseOptions> = {}): WindowHouse {
  const house = new WindowHouse({ source, ...options });
  onTestFinished(() => house.close());
  return house;
}

test('a pack takes the place of the files and manifests of many slices, and nothing else changes', async () => {
  const house = open({ partitionBy: [{ column: 'at', unit: 'Day' }] });
  await house.run({ asOf: iso(8.5) }, work);
  const before = {
    table: await house.table(),
    manifests: await listManifests(house.lake),
    lake: await house.objects(),
  };
  const [step, ...others] = await house.compact(iso(9), small);
  expect([step?.stage, others.length]).toEqual(['Compact', 0]);

  const packed = await listManifests(house.lake);
  const [pack] = packed.filter(({ stage }) => stage === 'Compact');
  expect(packed.filter(({ stage }) => stage !== 'Compact')).toEqual(before.manifests);
  expect(pack?.partitions.map(({ values, rows }) => [values, rows])).toEqual([
    [{ at: '2026-01-01' }, 4 * 2 + 8],
    [{ at: '2026-01-02' }, 4 * 2],
  ]);
  expect(pack?.ledger).toMatchObject({ manifests: 8, files: 12, packs: 2, rows: 24 });

  await house.sweep(later(0.9));
  expect((await house.objects()).manifests).toBe(before.lake.manifests + 1);
  await house.sweep(later(3));
  // Of the clean manifests none is left; what was extracted stays.
  expect(await house.objects()).toMatchObject({ manifests: before.lake.manifests + 1 - 8, cleanFiles: 3 });
  expect(await listManifests(house.lake)).toEqual(packed);
  expect(await house.sweep(later(6))).toEqual({ objects: 0, bytes: 0 });

  expect(await house.compact(iso(9.5), small)).toEqual([]);
  expect(plan(await house.input({ asOf: iso(8.7) })).map(({ stage }) => stage)).toEqual(['Sweep']);
  const rebuilt = await house.run({ asOf: iso(8.8), from: 'Load', refresh: true }, work);
  expect(rebuilt.map(({ part }) => part.slice(0, 7))).toEqual(['rebuild']);
  expect(await house.table()).toEqual(before.table);
});

test('a late look at a packed window recomputes its keys from the pack', async () => {
  const [house, other] = [open(), open()];
  for (const each of [house, other]) {
    await each.run({ asOf: iso(6.5) }, work);
    if (each === house) {
      await each.compact(iso(7), small);
      await each.sweep(later(3));
    }
    await each.run({ asOf: iso(7.5), refresh: true, interval: period(3, 5) }, work);
  }
  expect(await house.table()).toEqual(await other.table());
});

test('of packs of the same slices the first counts, and the other goes', async () => {
  const house = open();
  await house.run({ asOf: iso(6.5) }, work);
  const input = await house.input({ asOf: iso(7) });
  const whole = await house.compact(iso(7), small);
  const manifests = await listManifests(house.lake);
  const wanted = await house.table();
  const [first] = whole;
  if (!first) throw new Error('nothing was packed');
  // What another run would have made of some of them at the same time.
  const some = first.inputs.slice(0, 4);
  await house.work(input, { ...first, key: 'f'.repeat(20), inputs: some });
  expect(await listManifests(house.lake)).toHaveLength(manifests.length + 1);
  await house.sweep(later(3));
  expect(await listManifests(house.lake)).toEqual(manifests);
  await house.run({ asOf: iso(6.8), from: 'Load', refresh: true }, work);
  expect(await house.table()).toEqual(wanted);
});

test('killed with SIGKILL before a pack is published and in the middle of sweeps, it ends like undisturbed', async () => {
  const [house, other] = [open(), open()];
  await house.run({ asOf: iso(4.5) }, work);
  await other.run({ asOf: iso(4.5) }, work);
  await other.compact(iso(5), small);
  await other.sweep(later(3));
  const deaths = join(house.folder, 'deaths');
  for (const point of ['after-pack-files', 'in-sweep']) {
    mkdirSync(join(deaths, point), { recursive: true });
    for (const each of ['1', '2']) writeFileSync(join(deaths, point, each), '');
  }
  const crash = ['after-pack-files', 'in-sweep'].map((point) => `${point}=${join(deaths, point)}`).join();
  const signals: (NodeJS.Signals | null)[] = [];
  do {
    const child = spawn(process.execPath, [join(import.meta.dirname, 'packer.ts'), house.folder], {
      ...{ env: { ...process.env, JOBPULSE_CRASH: crash }, stdio: ['ignore', 'inherit', 'inherit'] },
    });
    const [, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
    signals.push(signal);
  } while (signals.at(-1) === 'SIGKILL');
  expect(signals).toEqual(['SIGKILL', 'SIGKILL', 'SIGKILL', 'SIGKILL', null]);
  const essence = async ({ lake }: WindowHouse) =>
    (await listManifests(lake)).map(({ startedAt: _, finishedAt: __, ...rest }) => rest);
  const withoutTimes = ({ replaces: _, ...rest }: Partial<Manifest>) => rest;
  expect((await essence(house)).map(withoutTimes)).toEqual((await essence(other)).map(withoutTimes));
  expect(await house.objects()).toMatchObject({ ...(await other.objects()), cleanBytes: expect.any(Number) });
  await house.run({ asOf: iso(4.8), from: 'Load', refresh: true }, work);
  await other.run({ asOf: iso(4.8), from: 'Load', refresh: true }, work);
  expect(await house.table()).toEqual(await other.table());
});

/** What somebody does to the lake. */
type Deed = { readonly look: number } | { readonly rule: string } | { readonly does: 'load' | 'compact' | 'sweep' };

const deed: fc.Arbitrary<Deed> = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: 0, max: 4 }).map((look) => ({ look })) },
  { weight: 1, arbitrary: fc.constantFrom('x', 'y').map((rule) => ({ rule })) },
  { weight: 5, arbitrary: fc.constantFrom('load', 'compact', 'compact', 'sweep').map((does) => ({ does })) },
);

/** Does the deeds, one after the other; without packs only those that have nothing to do with them. */
async function carryOut(house: WindowHouse, deeds: readonly Deed[], packs: boolean): Promise<void> {
  for (const [at, each] of deeds.entries()) {
    const asOf = iso(100 + at);
    if ('look' in each)
      await house.run({ asOf, refresh: true, interval: period(each.look, each.look + 1) }, ['Extract']);
    else if ('rule' in each) house.rule = each.rule;
    else if (each.does === 'load') await house.run({ asOf, from: 'Clean' }, work);
    else if (packs && each.does === 'compact') await expectNoWork(house, asOf, () => house.compact(asOf, small));
    else if (packs) await expectNoWork(house, asOf, () => house.sweep(later(3)));
  }
  await house.run({ asOf: iso(200), from: 'Clean' }, work);
}

/** What is left to do is the same before and after. */
async function expectNoWork(house: WindowHouse, asOf: string, change: () => Promise<unknown>): Promise<void> {
  const left = async () => plan(await house.input({ asOf, from: 'Clean' })).map(({ key }) => key);
  const before = await left();
  await change();
  expect(await left()).toEqual(before);
}

describe('looks, late looks, loads, other rules, packs and sweeps in any order', () => {
  test.each<[string, Partial<HouseOptions>]>([
    ['Merge', { load: { mode: 'Merge' } }],
    ['Merge by version', { load: { mode: 'Merge' }, version: 'at' }],
    ['SCD2', { load: { mode: 'SCD2' } }],
    ['Append', { load: { mode: 'Append' } }],
  ])('%s: the same table as without packs, and no work because of them', { timeout: 400_000 }, async (_, options) => {
    await fc.assert(
      fc.asyncProperty(fc.array(deed, { minLength: 6, maxLength: 12 }), async (deeds) => {
        const all: Deed[] = [{ look: 0 }, { look: 1 }, { does: 'load' }, { does: 'compact' }, ...deeds];
        const [house, plain] = [open(options), open(options)];
        await carryOut(house, all, true);
        await carryOut(plain, all, false);
        expect(await house.table()).toEqual(await plain.table());
      }),
      { numRuns: 1 },
    );
  });
});

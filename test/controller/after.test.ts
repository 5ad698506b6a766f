import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { PipelineRun } from '../../src/api/index.ts';
import { type AfterInput, afterCycle, cyclePath, decideAfter } from '../../src/controller/after.ts';
import { triggerLabel } from '../../src/controller/trigger.ts';

const minute = 60_000;
const noon = Date.parse('2026-11-20T12:00:00Z');
const at = (minutes: number) => new Date(noon + minutes * minute);

/** A run that ended a minute after its logical time. */
function run(name: string, minutes: number, change: object = {}, phase = 'Succeeded'): PipelineRun {
  const ended = phase === 'Running' ? {} : { finishTime: at(minutes + 1).toISOString() };
  return {
    metadata: { name, ...change },
    status: { phase, asOf: at(minutes).toISOString(), ...ended },
  } as unknown as PipelineRun;
}

interface Given extends Partial<Omit<AfterInput, 'spec' | 'runsOf'>> {
  readonly spec?: Partial<AfterInput['spec']>;
  readonly others?: Readonly<Record<string, readonly PipelineRun[]>>;
}

/** `report` runs after `jobs` and `pay`, since noon. */
function decide({ spec, others = {}, ...given }: Given) {
  return decideAfter({
    ...{ pipeline: 'report', runs: [], since: at(0), now: at(30) },
    spec: { after: ['pay', 'jobs'], concurrencyPolicy: 'Forbid', suspend: false, ...spec },
    runsOf: (name) => others[name] ?? [],
    ...given,
  });
}

/** The run that was decided, as it is stored. */
function stored({ create }: ReturnType<typeof decide>, phase = 'Succeeded'): PipelineRun {
  if (!create) throw new Error('no run was decided');
  const { name, asOf, annotations } = create;
  const labels = { [triggerLabel]: 'After' };
  return run(name, (asOf.getTime() - noon) / minute, { annotations, labels }, phase);
}

const both = { jobs: [run('jobs-1', 5)], pay: [run('pay-1', 6)] };

test('runs when all have succeeded, and again when all have once more', () => {
  expect(decide({ others: { jobs: both.jobs } })).toEqual({ cancel: [] });
  const first = decide({ others: both });
  expect(first.create).toMatchObject({ name: expect.stringMatching(/^report-after-[0-9a-f]{10}$/), asOf: at(30) });
  const runs = [stored(first)];
  expect(decide({ others: both, runs }).create).toBeUndefined();
  const one = { ...both, jobs: [...both.jobs, run('jobs-2', 40)] };
  expect(decide({ others: one, runs, now: at(50) }).create).toBeUndefined();
  const two = { ...one, pay: [...both.pay, run('pay-2', 45)] };
  const second = decide({ others: two, runs, now: at(50) });
  expect(second.create?.asOf).toEqual(at(50));
  expect(second.create?.name).not.toBe(first.create?.name);
  expect(decide({ others: two, runs: [...runs, stored(second)], now: at(60) }).create).toBeUndefined();
});

test('a pipeline may have any name, also that of a member of all objects', () => {
  const others = { constructor: [run('constructor-1', 5)] };
  const spec = { after: ['constructor'] };
  const first = decide({ spec, others });
  expect(first.create).toBeDefined();
  expect(decide({ spec, others, runs: [stored(first)] }).create).toBeUndefined();
  const more = { constructor: [...others.constructor, run('constructor-2', 40)] };
  expect(decide({ spec, others: more, runs: [stored(first)], now: at(50) }).create).toBeDefined();
});

test('what failed, is going on or ended before `after` went on makes no run', () => {
  for (const phase of ['Failed', 'Cancelled', 'Running']) {
    expect(decide({ others: { ...both, pay: [run('pay-1', 6, {}, phase)] } }).create).toBeUndefined();
  }
  expect(decide({ others: both, since: at(7) }).create).toBeUndefined();
  expect(decide({ others: both, since: at(7.5) }).create).toBeUndefined();
});

test('a run that was just made counts although nothing is known of it yet', () => {
  const made = decide({ others: both }).create;
  const labels = { [triggerLabel]: 'After' };
  const fresh = { metadata: { name: made?.name, labels, annotations: made?.annotations } } as unknown as PipelineRun;
  const one = { ...both, jobs: [run('jobs-2', 20)] };
  const spec = { concurrencyPolicy: 'Allow' } as const;
  expect(decide({ others: both, runs: [fresh], spec }).create).toBeUndefined();
  expect(decide({ others: one, runs: [fresh], spec }).create).toBeUndefined();
  const spoilt = { ...fresh, metadata: { ...fresh.metadata, annotations: { 'jobpulse.dev/saw': 'nonsense' } } };
  expect(decide({ others: both, runs: [spoilt], spec, since: at(7) }).create).toBeUndefined();
});

test('deciding twice asks for the same run, later than any before it', () => {
  const runs = [run('report-by-hand', 90)];
  const [one, two] = [decide({ others: both, runs }), decide({ others: both, runs, now: at(31) })];
  expect(two.create?.name).toBe(one.create?.name);
  expect(one.create?.asOf.getTime()).toBe(at(90).getTime() + 1);
  const longest = decide({ others: both, pipeline: 'p'.repeat(40) });
  expect(longest.create?.name.length).toBeLessThanOrEqual(63);
});

test('one run at a time unless the policy says otherwise; a pipeline that rests does not run', () => {
  const runs = [run('report-1', 10, {}, 'Running')];
  expect(decide({ others: both, runs })).toEqual({ cancel: [] });
  expect(decide({ others: both, runs, spec: { concurrencyPolicy: 'Allow' } }).create).toBeDefined();
  const replaced = decide({ others: both, runs, spec: { concurrencyPolicy: 'Replace' } });
  expect(replaced).toMatchObject({ create: { asOf: at(30) }, cancel: ['report-1'] });
  expect(decide({ others: both, spec: { suspend: true } })).toEqual({ cancel: [] });
  expect(decide({ others: both, spec: { after: [] } })).toEqual({ cancel: [] });
});

test('whatever happens before, there are never more runs than each of those before has successes', () => {
  const step = fc.record({ who: fc.constantFrom('jobs', 'pay'), ok: fc.boolean() });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const others: Record<string, PipelineRun[]> = { jobs: [], pay: [] };
      const runs: PipelineRun[] = [];
      for (const [index, { who, ok }] of steps.entries()) {
        others[who]?.push(run(`${who}-${index}`, index * 3, {}, ok ? 'Succeeded' : 'Failed'));
        const decision = decide({ others, runs, now: at(index * 3 + 2) });
        if (decision.create) runs.push(stored(decision));
      }
      const successes = Object.values(others).map(
        (all) => all.filter(({ status }) => status?.phase === 'Succeeded').length,
      );
      expect(runs.length).toBeLessThanOrEqual(Math.min(...successes));
      expect(runs.length > 0).toBe(Math.min(...successes) > 0);
      expect(new Set(runs.map(({ metadata }) => metadata.name)).size).toBe(runs.length);
    }),
  );
});

const linked = (links: Readonly<Record<string, readonly string[]>>) =>
  Object.entries(links).map(([name, after]) => ({ metadata: { name }, spec: { after: [...after] } }) as never);

test('a circle is found from each of its members and from no other', () => {
  const pipelines = linked({ a: ['b', 'x'], b: ['c'], c: ['a'], d: ['a'], x: [], self: ['self'] });
  expect(cyclePath('a', pipelines)).toEqual(['a', 'b', 'c', 'a']);
  expect(cyclePath('c', pipelines)).toEqual(['c', 'a', 'b', 'c']);
  expect(cyclePath('d', pipelines)).toBeUndefined();
  expect(cyclePath('x', pipelines)).toBeUndefined();
  expect(cyclePath('self', pipelines)).toEqual(['self', 'self']);
  expect(afterCycle('a', pipelines)).toMatchObject({
    path: 'spec.after',
    message: expect.stringContaining('a runs after b runs after c runs after a'),
  });
  const layers = Array.from({ length: 300 }, (_, index) => [
    `p${index}`,
    index < 16 ? [] : [1, 5, 16].map((back) => `p${index - back}`),
  ]);
  expect(cyclePath('p299', linked(Object.fromEntries(layers)))).toBeUndefined();
});

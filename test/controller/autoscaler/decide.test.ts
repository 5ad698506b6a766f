import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Decision, decide, type ScalingInput } from '../../../src/controller/autoscaler/decide.ts';
import type { PoolLoad } from '../../../src/queue/load.ts';

const names = (count: number): string[] => Array.from({ length: count }, (_, index) => `worker-${index}`);
const load = (counts: Partial<PoolLoad> = {}): PoolLoad => ({
  ...{ waiting: 0, prioritized: 0, active: 0, due: 0, busy: [] },
  ...counts,
});
const jobs = ({ waiting, prioritized, active, due }: PoolLoad): number => waiting + prioritized + active + due;

/** A pool that nothing limits: what it wants, it gets. */
const free: ScalingInput & { readonly load: PoolLoad } = {
  ...{ current: 1, min: 0, max: 1000, load: load(), concurrency: 2, stepSeconds: 3, targetSeconds: 10 },
  ...{ downstreamFull: false, stepSize: 1000, recent: [], idleSeconds: 0, cooldownSeconds: 300, paused: false },
};

const count = fc.oneof({ weight: 1, arbitrary: fc.constant(0) }, { weight: 3, arbitrary: fc.nat(500) });
const seconds = fc.double({ min: 0, max: 5000, noNaN: true });
const maybe = <Value>(value: fc.Arbitrary<Value>) => fc.option(value, { nil: undefined });

/** An input without the members that are undefined. */
const given = (input: object): typeof free =>
  Object.fromEntries(Object.entries(input).filter(([, value]) => value !== undefined)) as unknown as typeof free;

const known = fc
  .record({
    load: fc.record({
      ...{ waiting: count, prioritized: count, active: count, due: count },
      busy: fc.nat(40).map(names),
    }),
    bounds: fc.tuple(fc.nat(20), fc.nat(60)).map(([min, more]) => ({ min, max: Math.max(1, min + more) })),
    current: fc.nat(80),
    concurrency: fc.integer({ min: 1, max: 64 }),
    stepSeconds: maybe(seconds),
    targetSeconds: fc.double({ min: 0.1, max: 5000, noNaN: true }),
    globalConcurrency: maybe(fc.integer({ min: 1, max: 500 })),
    startsPerSecond: maybe(seconds),
    downstreamFull: fc.boolean(),
    stepSize: fc.integer({ min: 1, max: 50 }),
    recent: fc.array(fc.nat(60), { maxLength: 20 }),
    idleSeconds: seconds,
    cooldownSeconds: seconds,
    paused: fc.boolean(),
  })
  .map(({ bounds, ...rest }) => given({ ...rest, ...bounds }));

const always = (holds: (input: typeof free, decision: Decision) => void, inputs = known): void =>
  fc.assert(
    fc.property(inputs, (input) => {
      holds(input, decide(input));
    }),
    { numRuns: 2000 },
  );
const going = known.map((input) => ({ ...input, paused: false }));

describe('whatever is known of a pool', () => {
  test('it never gets fewer workers than are busy, unless it may not have so many', () =>
    always(({ load, max }, { replicas }) => expect(replicas).toBeGreaterThanOrEqual(Math.min(load.busy.length, max))));

  test('its bounds have the last word; a paused pool has no lower one', () =>
    always(({ min, max, paused }, { replicas }) => {
      expect(replicas).toBeLessThanOrEqual(max);
      expect(replicas).toBeGreaterThanOrEqual(paused ? 0 : min);
      expect(Number.isInteger(replicas)).toBe(true);
    }));

  test('it loses its last worker only when it is idle and has been for the cooldown, or is paused', () =>
    always(({ load, current, paused, idleSeconds, cooldownSeconds }, { replicas }) => {
      if (replicas > 0) return;
      expect(load.busy).toEqual([]);
      if (paused) return;
      expect(jobs(load)).toBe(0);
      expect(current === 0 || idleSeconds >= cooldownSeconds).toBe(true);
    }));

  test('load gets at least one worker, even where there is none', () =>
    always(
      ({ load }, { replicas }) => {
        if (jobs(load) > 0) expect(replicas).toBeGreaterThanOrEqual(1);
      },
      fc.oneof(
        going,
        going.map((input) => ({ ...input, current: 0, min: 0 })),
      ),
    ));

  test('it never grows beyond its number of jobs', () =>
    always(({ load, current, min }, { replicas }) => {
      if (replicas > current) expect(replicas).toBeLessThanOrEqual(Math.max(jobs(load), load.busy.length, min));
    }));

  test('more backlog never means fewer workers', () =>
    fc.assert(
      fc.property(known, fc.constantFrom('waiting', 'prioritized', 'due'), fc.nat(300), (input, kind, more) => {
        const fuller = { ...input, load: { ...input.load, [kind]: input.load[kind] + more } };
        expect(decide(fuller).replicas).toBeGreaterThanOrEqual(decide(input).replicas);
      }),
      { numRuns: 2000 },
    ));

  test('queues that cannot be read leave it as it is, within its bounds', () =>
    always(({ load: _, ...unread }) => {
      const { replicas, reason } = decide(unread);
      expect(reason).toBe('QueuesUnreadable');
      expect(replicas).toBe(Math.min(Math.max(unread.current, unread.min), unread.max));
    }));

  test('the same gives the same, and the limits that are named are those that moved the number', () =>
    always((input, decision) => {
      expect(decide(structuredClone(input))).toEqual(decision);
      expect(new Set(decision.limits).size).toBe(decision.limits.length);
      if (decision.limits.length === 0 && decision.reason === 'FollowsLoad')
        expect(decision.replicas).toBe(decision.want);
    }));
});

describe('the number of workers', () => {
  const of = (input: Partial<ScalingInput>): Decision => decide({ ...free, ...input });

  test('is what finishes the backlog in the target time, beside what is under way', () => {
    // (20 + 4 + 6) jobs · 3 s / (2 · 10 s) + 5 / 2 = 4.5 + 2.5
    expect(of({ load: load({ waiting: 20, prioritized: 4, due: 6, active: 5 }) })).toEqual({
      ...{ replicas: 7, want: 7, reason: 'FollowsLoad', limits: [] },
    });
  });

  test('takes a step to last a second before there was one', () => {
    const { stepSeconds: _, ...unseen } = free;
    expect(decide({ ...unseen, current: 0, load: load({ waiting: 40 }) }).replicas).toBe(2);
  });

  const backlog = { load: load({ waiting: 400 }) } as const; // wants 60
  test.each<[string, Partial<ScalingInput>, Partial<Decision>]>([
    ['the number of jobs', { load: load({ waiting: 3 }), stepSeconds: 600 }, { replicas: 3, limits: ['NumberOfJobs'] }],
    ['the global concurrency', { ...backlog, globalConcurrency: 5 }, { replicas: 3, limits: ['GlobalConcurrency'] }],
    ['the rate limit of the source', { ...backlog, startsPerSecond: 4 }, { replicas: 6, limits: ['SourceRateLimit'] }],
    ['a full stage downstream', { ...backlog, downstreamFull: true }, { replicas: 1, limits: ['DownstreamFull'] }],
    ['the step size', { ...backlog, stepSize: 4 }, { replicas: 5, limits: ['StepSize'] }],
    [
      'what was wanted a moment ago',
      { current: 9, recent: [4, 7, 2] },
      { replicas: 7, limits: ['StabilisationWindow'] },
    ],
    [
      'busy workers',
      { current: 9, load: load({ active: 1, busy: names(4) }) },
      { replicas: 4, limits: ['BusyWorkers'] },
    ],
    ['the upper bound', { ...backlog, max: 8 }, { replicas: 8, limits: ['MaxReplicas'] }],
    ['the lower bound', { idleSeconds: 300, min: 2 }, { replicas: 2, reason: 'NoLoad', limits: ['MinReplicas'] }],
  ])('is limited by %s', (_, input, decision) => expect(of(input)).toMatchObject(decision));

  test('is one during the cooldown and zero after it; a pool without workers needs no cooldown', () => {
    expect(of({ current: 3, idleSeconds: 299 })).toMatchObject({ replicas: 1, reason: 'CoolingDown', want: 0 });
    expect(of({ current: 3, idleSeconds: 300 })).toMatchObject({ replicas: 0, reason: 'NoLoad' });
    expect(of({ current: 0 })).toMatchObject({ replicas: 0, reason: 'NoLoad' });
  });

  test('is that of the busy workers while a paused pool drains, then zero', () => {
    const paused = { paused: true, min: 2, current: 5, load: load({ waiting: 50, active: 2, busy: names(2) }) };
    expect(of(paused)).toMatchObject({ replicas: 2, reason: 'Draining', limits: ['BusyWorkers'] });
    expect(of({ ...paused, load: load({ waiting: 50 }) })).toMatchObject({ replicas: 0, reason: 'Draining' });
  });
});

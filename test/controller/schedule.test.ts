import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  decideSchedule,
  jitterOf,
  jitterSpanMs,
  type KnownRun,
  mostMadeUp,
  type ScheduleDecision,
  type ScheduleInput,
  scheduledRunName,
} from '../../src/controller/schedule.ts';

const minute = 60_000;
const day = 24 * 60 * minute;
const at = (text: string) => new Date(text);
const now = at('2026-11-20T12:30:00Z');

/** Daily at six in the morning in Chicago (noon UTC), on since the beginning of the month. */
function input(change: Partial<Omit<ScheduleInput, 'spec'>> & { readonly spec?: Partial<ScheduleInput['spec']> } = {}) {
  const spec: ScheduleInput['spec'] = {
    ...{ schedule: '0 6 * * *', timeZone: 'America/Chicago', suspend: false },
    ...{ missedRunPolicy: 'Last', concurrencyPolicy: 'Forbid' },
    ...change.spec,
  };
  const base = {
    pipeline: 'usajobs',
    runs: [],
    since: at('2026-11-01T00:00:00Z'),
    awakeSince: at('2026-11-01T00:00:00Z'),
  };
  return { ...base, jitterMs: 30_000, now, ...change, spec } satisfies ScheduleInput;
}

const scheduled = (asOf: string, ended = true): KnownRun => ({
  name: scheduledRunName('usajobs', Date.parse(asOf)),
  asOf: at(asOf),
  ended,
});
const byHand = (asOf: string, ended: boolean): KnownRun => ({
  name: `usajobs-${Date.parse(asOf)}`,
  asOf: at(asOf),
  ended,
});
const asOfs = ({ create }: ScheduleDecision) => create.map(({ asOf }) => asOf.toISOString());

describe('a tick', () => {
  test('makes one run, named after its minute, as of the tick', () => {
    const decision = decideSchedule(
      input({ now: at('2026-11-20T12:00:03.250Z'), runs: [scheduled('2026-11-19T12:00:00Z')] }),
    );
    expect(decision).toEqual({
      create: [{ name: 'usajobs-29919600', asOf: at('2026-11-20T12:00:00Z') }],
      cancel: [],
      nextRun: at('2026-11-21T12:00:00Z'),
      lookAt: at('2026-11-21T12:00:00Z'),
    });
  });

  test('that has its run asks for nothing, nor does one from before the schedule went on', () => {
    expect(decideSchedule(input({ runs: [scheduled('2026-11-20T12:00:00Z')] })).create).toEqual([]);
    expect(decideSchedule(input({ since: at('2026-11-20T12:10:00Z') })).create).toEqual([]);
  });

  test('is not taken for done because somebody ran the pipeline by hand', () => {
    expect(asOfs(decideSchedule(input({ runs: [byHand('2026-11-20T12:10:00Z', true)] })))).toEqual([
      '2026-11-20T12:00:00.000Z',
    ]);
  });

  test('in the future, left by a clock that was wrong, does not stop the schedule', () => {
    expect(asOfs(decideSchedule(input({ runs: [scheduled('2031-01-01T12:00:00Z')] })))).toHaveLength(1);
  });

  test('that does not exist because of `suspend` or because there is no schedule asks for nothing and is never next', () => {
    expect(decideSchedule(input({ spec: { suspend: true } }))).toEqual({ create: [], cancel: [] });
    const { schedule: _, ...manual } = input().spec;
    expect(decideSchedule({ ...input(), spec: manual })).toEqual({ create: [], cancel: [] });
  });
});

describe('a controller that slept for a week', () => {
  const slept = (missedRunPolicy: 'None' | 'Last' | 'All', awakeSince: string, concurrencyPolicy = 'Allow' as const) =>
    decideSchedule(
      input({
        runs: [scheduled('2026-11-13T12:00:00Z')],
        awakeSince: at(awakeSince),
        spec: { missedRunPolicy, concurrencyPolicy },
      }),
    );
  const longAgo = '2026-11-20T12:20:00Z';

  test.each([
    ['None', []],
    ['Last', ['20']],
    ['All', ['14', '15', '16', '17', '18', '19', '20']],
  ] as const)('makes up for what missedRunPolicy %s allows', (policy, days) => {
    expect(asOfs(slept(policy, longAgo))).toEqual(days.map((each) => `2026-11-${each}T12:00:00.000Z`));
  });

  test('waits for its jitter first; as-of stays the tick', () => {
    const justNow = '2026-11-20T12:29:50Z';
    for (const policy of ['Last', 'All'] as const) {
      expect(slept(policy, justNow)).toMatchObject({
        create: [],
        lookAt: at('2026-11-20T12:30:20Z'),
        nextRun: at('2026-11-21T12:00:00Z'),
      });
    }
    expect(slept('None', justNow).lookAt).toEqual(at('2026-11-21T12:00:00Z'));
  });

  test('does not wait with a tick that is on time', () => {
    const woke = input({ now: at('2026-11-20T12:00:10Z'), awakeSince: at('2026-11-20T12:00:05Z') });
    expect(asOfs(decideSchedule(woke))).toEqual(['2026-11-20T12:00:00.000Z']);
  });

  test('spreads installations, and pipelines of one, over a minute', () => {
    const jitters = Array.from({ length: 1000 }, (_, each) => jitterOf(`installation-${each}`, 'usajobs'));
    expect(Math.min(...jitters)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...jitters)).toBeLessThan(jitterSpanMs);
    const perSecond = Map.groupBy(jitters, (jitter) => Math.floor(jitter / 1000));
    expect(perSecond.size).toBe(60);
    expect(Math.max(...[...perSecond.values()].map(({ length }) => length))).toBeLessThan(50);
    expect(jitterOf('a', 'usajobs')).toBe(jitterOf('a', 'usajobs'));
  });

  test('of a hundred pipelines after a week makes one run each, no more than a few of them in any second', () => {
    const awakeSince = at('2026-11-20T12:32:00Z');
    const runs = new Map(Array.from({ length: 100 }, (_, each) => [`p${each}`, [] as KnownRun[]]));
    const perSecond: number[] = [];
    for (let second = 0; second <= 90; second += 1) {
      const moment = {
        now: new Date(awakeSince.getTime() + second * 1000),
        awakeSince,
        since: at('2026-11-13T00:00:00Z'),
      };
      const due = [...runs].map(([pipeline, known]) => {
        const jitterMs = jitterOf('here', pipeline);
        const spec = { schedule: '*/15 * * * *' } as const;
        const { create } = decideSchedule({ ...input({ ...moment, spec }), pipeline, runs: known, jitterMs });
        known.push(...create.map((run) => ({ ...run, ended: true })));
        return create.length;
      });
      perSecond.push(due.reduce((sum, each) => sum + each, 0));
    }
    expect([...runs.values()].every((known) => known.length === 1)).toBe(true);
    expect(Math.max(...perSecond)).toBeLessThanOrEqual(10);
    expect(perSecond.filter((count) => count > 0).length).toBeGreaterThan(30);
    expect(jitterOf('a', 'usajobs')).not.toBe(jitterOf('a', 'vacancies'));
  });
});

describe('while runs are going on', () => {
  const going = (
    concurrencyPolicy: ScheduleInput['spec']['concurrencyPolicy'],
    missedRunPolicy: 'Last' | 'All' = 'Last',
  ) =>
    decideSchedule(
      input({
        runs: [
          scheduled('2026-11-18T12:00:00Z', false),
          byHand('2026-11-18T13:00:00Z', false),
          byHand('2026-11-18T14:00:00Z', true),
        ],
        spec: { concurrencyPolicy, missedRunPolicy },
      }),
    );

  test('Allow starts another', () => {
    expect(asOfs(going('Allow'))).toHaveLength(1);
    expect(going('Allow').cancel).toEqual([]);
  });

  test('Forbid waits, and then makes up for what was missed one by one', () => {
    expect(going('Forbid', 'All')).toMatchObject({ create: [], cancel: [] });
    const after = decideSchedule(
      input({ runs: [scheduled('2026-11-18T12:00:00Z')], spec: { missedRunPolicy: 'All' } }),
    );
    expect(asOfs(after)).toEqual(['2026-11-19T12:00:00.000Z']);
  });

  test('Replace ends them for the newest tick, and only when there is one', () => {
    expect(going('Replace', 'All')).toMatchObject({
      create: [{ asOf: at('2026-11-20T12:00:00Z') }],
      cancel: [scheduled('2026-11-18T12:00:00Z').name, byHand('2026-11-18T13:00:00Z', false).name],
    });
    const none = decideSchedule(
      input({ runs: [scheduled('2026-11-20T12:00:00Z', false)], spec: { concurrencyPolicy: 'Replace' } }),
    );
    expect(none).toMatchObject({ create: [], cancel: [] });
  });
});

const worlds = fc.record({
  schedule: fc.constantFrom('* * * * *', '*/10 * * * *', '@hourly', '0 6 * * *', '30 2 * * *', '0 0 29 2 *'),
  timeZone: fc.constantFrom('America/Chicago', 'Europe/Madrid', 'America/Bogota', 'Australia/Lord_Howe', 'UTC'),
  missedRunPolicy: fc.constantFrom('None' as const, 'Last' as const, 'All' as const),
  concurrencyPolicy: fc.constantFrom('Allow' as const, 'Forbid' as const, 'Replace' as const),
  start: fc.integer({ min: Date.parse('2026-01-01'), max: Date.parse('2027-01-01') }),
  /** How long the controller is away before each look, and whether a run has ended by then. */
  looks: fc.array(fc.tuple(fc.oneof(fc.nat(10_000), fc.nat(2 * 3600_000), fc.nat(9 * day)), fc.boolean()), {
    maxLength: 12,
  }),
  jitterMs: fc.nat(jitterSpanMs),
});

test('whatever happens: no tick twice, none from the future, order kept, and as many as the policies allow', () => {
  fc.assert(
    fc.property(worlds, ({ start, looks, jitterMs, ...rest }) => {
      const spec = { ...rest, suspend: false };
      let runs: readonly KnownRun[] = [];
      let clock = start;
      let awakeSince = start;
      for (const [pause, ends] of looks) {
        clock += pause;
        if (pause > minute) awakeSince = clock;
        if (ends) runs = runs.map((run) => ({ ...run, ended: true }));
        const state = { pipeline: 'p', spec, runs, since: new Date(start), awakeSince: new Date(awakeSince), jitterMs };
        const decision = decideSchedule({ ...state, now: new Date(clock) });
        const { create, cancel, nextRun, lookAt } = decision;

        const newest = Math.max(start, ...runs.map(({ asOf }) => asOf.getTime()));
        for (const [index, { name, asOf }] of create.entries()) {
          expect(asOf.getTime()).toBeLessThanOrEqual(clock);
          expect(asOf.getTime()).toBeGreaterThan(create[index - 1]?.asOf.getTime() ?? newest);
          expect(name).toBe(`p-${asOf.getTime() / minute}`);
          const missed = clock - asOf.getTime() >= minute;
          if (missed) expect(clock).toBeGreaterThanOrEqual(awakeSince + jitterMs);
          if (missed) expect(spec.missedRunPolicy).not.toBe('None');
        }
        expect(create.length).toBeLessThanOrEqual(
          spec.missedRunPolicy === 'All' && spec.concurrencyPolicy === 'Allow' ? mostMadeUp : 1,
        );
        expect(nextRun?.getTime()).toBeGreaterThan(clock);
        expect(lookAt?.getTime()).toBeGreaterThan(clock);
        expect(lookAt?.getTime()).toBeLessThanOrEqual(nextRun?.getTime() ?? 0);

        const cancelled = new Set(cancel);
        runs = runs.map((run) => (cancelled.has(run.name) ? { ...run, ended: true } : run));
        const unfinished = runs.filter(({ ended }) => !ended);
        if (spec.concurrencyPolicy !== 'Allow' && create.length > 0) expect(unfinished).toEqual([]);
        runs = [...runs, ...create.map((run) => ({ ...run, ended: false }))];

        if (spec.concurrencyPolicy !== 'Forbid') {
          const again = decideSchedule({ ...state, runs, now: new Date(clock) });
          expect(again).toMatchObject({ create: [], cancel: [] });
        }
      }
    }),
    { numRuns: 400 },
  );
});

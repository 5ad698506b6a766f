import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { PipelineRunStatus } from '../../../src/api/index.ts';
import { type PipelineStatus, pipelineStatus } from '../../../src/api/pipelineStatus.ts';
import { reasons } from '../../../src/api/reasons.ts';
import { deriveStatus } from '../../../src/controller/status/derive.ts';
import type { Seen, SeenPool } from '../../../src/controller/status/seen.ts';
import { settle } from '../../../src/controller/status/settle.ts';
import { runOf, usajobs } from './support.ts';

const count = fc.nat(50);
const pool: fc.Arbitrary<SeenPool> = fc.record(
  {
    ...{ replicas: count, ready: count, missing: fc.string({ maxLength: 5000 }) },
    provider: fc.constantFrom('Internal', 'External'),
    decision: fc.record(
      {
        ...{ replicas: count, want: count },
        reason: fc.constantFrom('FollowsLoad', 'NoLoad', 'CoolingDown', 'Draining', 'QueuesUnreadable'),
        limits: fc.uniqueArray(fc.constantFrom('StepSize', 'MaxReplicas', 'BusyWorkers')),
        facts: fc.record({
          ...{ load: count, active: count, busy: count, min: count, max: count, concurrency: count },
          ...{ targetSeconds: count, stepSeconds: fc.double({ min: 0, max: 1e6, noNaN: true }) },
        }),
      },
      { requiredKeys: ['replicas', 'want', 'reason', 'limits'] },
    ),
  },
  { requiredKeys: ['replicas', 'ready', 'provider'] },
);
const queue = fc.record({ waiting: count, active: count, failed: count });
const moment = fc.date({
  min: new Date('2026-11-19T00:00:00Z'),
  max: new Date('2026-11-23T00:00:00Z'),
  noInvalidDate: true,
});
const run = fc
  .tuple(
    fc.constantFrom('a', 'b', 'c'),
    fc.constantFrom('Pending', 'Running', 'Paused', 'Succeeded', 'Failed', 'Cancelled'),
    moment,
    fc.constantFrom('Extract', 'Clean'),
    fc.constantFrom<PipelineRunStatus[]>({}, { datasets: [] }, { finishTime: 'never' }, { asOf: '' }),
  )
  .map(([name, phase, at, from, status]) =>
    runOf(name, phase as 'Running', at.toISOString(), { from: from as 'Clean' }, status),
  );
const problem = fc.record({
  ...{ path: fc.string(), found: fc.string(), message: fc.string({ maxLength: 3000 }), fix: fc.string() },
});

/** What can be seen, but for the pipeline's own status. */
const seen: fc.Arbitrary<Seen> = fc
  .record({
    pools: fc.record({ extract: pool, clean: pool, warehouse: pool }, { requiredKeys: [] }),
    queues: fc.option(fc.record({ extract: queue, clean: queue, load: queue }, { requiredKeys: [] }), {
      nil: undefined,
    }),
    ...{ runs: fc.array(run, { maxLength: 5 }), nextRun: fc.option(moment, { nil: undefined }), now: moment },
    ...{ problems: fc.array(problem, { maxLength: 8 }), conflict: fc.option(fc.string(), { nil: undefined }) },
    ...{ remembers: fc.boolean(), generation: fc.integer({ min: 1, max: 4 }), unattended: fc.boolean() },
    paused: fc.constantFrom({}, { 'jobpulse.dev/paused': 'true' }),
  })
  .map(({ remembers, generation, paused, ...rest }) => {
    const { metadata, spec, ...pipeline } = usajobs();
    const broken = rest.problems.length > 0 ? ({ datasets: 7 } as never) : spec;
    const lastValid = remembers ? { lastValid: spec } : {};
    return {
      ...(Object.fromEntries(
        Object.entries(rest).filter(([, value]) => value !== undefined),
      ) as unknown as typeof rest),
      ...lastValid,
      pipeline: { ...pipeline, spec: broken, metadata: { ...metadata, generation, annotations: paused } },
    } as Seen;
  });

const given = (next: Seen, status: PipelineStatus): Seen => ({ ...next, pipeline: { ...next.pipeline, status } });

test('never throws, is of the schema, uses listed reasons, and a second look gives the same bytes', () => {
  fc.assert(
    fc.property(seen, seen, (first, second) => {
      const status = deriveStatus(given(second, deriveStatus(first)));
      expect(pipelineStatus.safeParse(status).error).toBeUndefined();
      expect((status.conditions ?? []).filter(({ reason }) => !Object.hasOwn(reasons, reason))).toEqual([]);
      expect(JSON.stringify(deriveStatus(given(second, status)))).toBe(JSON.stringify(status));
      const now = new Date(second.now.getTime() + 3600_000);
      expect(settle(status, deriveStatus(given(second, status)), { wroteAt: undefined, now }).write).toBe(false);
    }),
    { numRuns: 150 },
  );
});

test('a condition has another time exactly when it has another status (the schedule also when it is another one)', () => {
  fc.assert(
    fc.property(seen, seen, (first, second) => {
      const before = deriveStatus(first);
      const after = deriveStatus(given(second, before));
      for (const condition of after.conditions ?? []) {
        const known = before.conditions?.find(({ type }) => type === condition.type);
        if (condition.type === 'Suspended' && known?.message !== condition.message) continue;
        const isSame = known?.status === condition.status;
        expect(condition.lastTransitionTime).toBe(isSame ? known?.lastTransitionTime : second.now.toISOString());
      }
    }),
    { numRuns: 150 },
  );
});

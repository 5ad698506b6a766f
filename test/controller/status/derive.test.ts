import { expect, test } from 'vitest';
import { pipelineConditions } from '../../../src/api/conditions.ts';
import { type PipelineStatus, pipelineStatus } from '../../../src/api/pipelineStatus.ts';
import { reasons } from '../../../src/api/reasons.ts';
import { deriveStatus, statusChangesAt } from '../../../src/controller/status/derive.ts';
import type { Seen } from '../../../src/controller/status/seen.ts';
import { atRest, noon, runOf, usajobs, withPool } from './support.ts';

const condition = (status: PipelineStatus, type: string) => {
  const found = status.conditions?.find((each) => each.type === type);
  if (!found) throw new Error(`no condition ${type}`);
  return found;
};
const short = (status: PipelineStatus, type: string) => {
  const { status: is, reason } = condition(status, type);
  return `${is} ${reason}`;
};
const later = (seen: Seen, minutes: number, change: Partial<Seen> = {}): Seen => ({
  ...seen,
  pipeline: { ...seen.pipeline, status: deriveStatus(seen) },
  now: new Date(seen.now.getTime() + minutes * 60_000),
  ...change,
});

test('at rest: everything as it should be, in the words of the schema and of the lists', () => {
  const status = deriveStatus(atRest());
  expect(pipelineStatus.parse(status)).toEqual(status);
  expect(status).toMatchObject({
    observedGeneration: 3,
    phase: 'Ready',
    lastRun: {
      name: 'usajobs-29919600',
      phase: 'Succeeded',
      finishedAt: '2026-11-20T12:00:09Z',
      added: 498,
      modified: 0,
    },
    nextRunTime: '2026-11-21T12:00:00.000Z',
    freshUntil: '2026-11-21T14:00:09.000Z',
    ...{ backlog: 0, rejected: 2 },
    datasets: [{ name: 'postings', covered: [], asOf: '2026-11-20T12:00:00Z' }],
  });
  expect(status.stages?.map(({ name, queue }) => [name, queue])).toEqual(
    ['extract', 'clean', 'load', 'transform'].map((stage) => [stage, `usajobs.${stage}`]),
  );
  expect(status.stages?.[0]?.scaling).toMatchObject({ reason: 'NoLoad', want: 0, load: 0, stepSeconds: 1.23 });
  expect(status.conditions?.map(({ type, status: is, reason }) => `${type} ${is} ${reason}`)).toEqual([
    'Ready True AllGood',
    'Valid True SpecAccepted',
    'WorkersReady True ScaledToZero',
    'ScalingActive True Deciding',
    'Fresh True WithinObjective',
    'Conserved True Balanced',
    'Suspended False Scheduled',
  ]);
  expect(status.conditions?.map(({ type }) => type).toSorted()).toEqual(Object.keys(pipelineConditions).toSorted());
  expect(status.conditions?.filter(({ reason }) => !Object.hasOwn(reasons, reason))).toEqual([]);
  expect(statusChangesAt(atRest())?.toISOString()).toBe('2026-11-21T14:00:09.000Z');
});

test('time alone changes nothing but freshness, and a condition keeps its time while its status stays', () => {
  const first = atRest();
  const second = later(first, 60);
  expect(deriveStatus(second)).toEqual(second.pipeline.status);
  const stale = deriveStatus(later(first, 27 * 60));
  expect(short(stale, 'Fresh')).toBe('False Stale');
  expect(short(stale, 'Ready')).toBe('False Stale');
  expect(stale.phase).toBe('Degraded');
  expect(condition(stale, 'Valid').lastTransitionTime).toBe(noon.toISOString());
  expect(condition(stale, 'Fresh').lastTransitionTime).toBe(later(first, 27 * 60).now.toISOString());
});

test('a spec that is not valid is told, and all else goes on about the one before', () => {
  const problem = {
    path: 'spec.datasets[0].key',
    found: '"x"',
    message: 'spec.datasets[0].key: no column x',
    fix: 'Mend it.',
  };
  const { pipeline, ...rest } = atRest();
  const changed = { ...pipeline, metadata: { ...pipeline.metadata, generation: 4 }, spec: {} as never };
  const invalid = later({ ...rest, pipeline }, 1, { problems: Array(9).fill(problem), lastValid: usajobs().spec });
  const status = deriveStatus({ ...invalid, pipeline: { ...changed, status: deriveStatus({ ...rest, pipeline }) } });
  expect(status).toMatchObject({ phase: 'Invalid', observedGeneration: 4, freshUntil: '2026-11-21T14:00:09.000Z' });
  expect(condition(status, 'Valid')).toMatchObject({ status: 'False', reason: 'SpecRefused', observedGeneration: 4 });
  expect(condition(status, 'Valid').message.split('\n')).toHaveLength(6);
  expect(condition(status, 'Valid').message).toContain('spec.datasets[0].key: no column x. Mend it.');
  expect(short(status, 'Ready')).toBe('False SpecRefused');
  expect(condition(status, 'Fresh')).toMatchObject({ status: 'True', observedGeneration: 3 });
  expect(condition(status, 'Suspended')).toMatchObject({ reason: 'Scheduled', observedGeneration: 3 });

  const forgotten = deriveStatus({ ...invalid, pipeline: { ...changed, status }, lastValid: undefined as never });
  expect(short(forgotten, 'Suspended')).toBe('False Scheduled');
  expect(short(deriveStatus({ ...invalid, pipeline: changed, lastValid: undefined as never }), 'Valid')).toBe(
    'False SpecRefused',
  );
});

const failed = {
  reason: 'LakeClaimed',
  message: 'owned by another',
  stage: 'Plan',
  dataset: 'postings',
  key: 'k',
} as const;
const after = '2026-11-20T12:05:00Z';
const unbalanced = [{ name: 'postings', covered: [], unavailable: [], read: 500, clean: 498 }];

test('workers that take two minutes to start are missing, and the status says when to look again', () => {
  const change = { replicas: 1, starting: '1 pod: ContainerCreating', provider: 'External' } as const;
  const starting = withPool(atRest(), 'clean', change);
  expect(condition(deriveStatus(starting), 'WorkersReady')).toMatchObject({
    reason: 'WorkersStarting',
    message: 'clean: 1 pod: ContainerCreating',
  });
  const late = later(starting, 2);
  expect(statusChangesAt(starting)).toEqual(late.now);
  expect(short(deriveStatus(late), 'Ready')).toBe('False WorkersMissing');
  expect(statusChangesAt(late)).not.toEqual(late.now);
});

test.each<[what: string, Seen, Record<string, string>, phase: string]>([
  [
    'a name that is taken',
    { ...atRest(), conflict: 'Deployment a is not ours' },
    { WorkersReady: 'False NameConflict', Ready: 'False NameConflict' },
    'Degraded',
  ],
  [
    'an image that is missing',
    withPool(atRest(), 'clean', { replicas: 1, missing: 'ImagePullBackOff', provider: 'External' }),
    { WorkersReady: 'False WorkersMissing', Ready: 'False WorkersMissing' },
    'Degraded',
  ],
  [
    'workers that start',
    withPool(atRest(), 'clean', { replicas: 1, provider: 'External' }),
    { WorkersReady: 'False WorkersStarting', Ready: 'True AllGood' },
    'Progressing',
  ],
  [
    'workers that are there',
    withPool(atRest(), 'clean', { replicas: 1, ready: 1, provider: 'External' }),
    { WorkersReady: 'True WorkersUp' },
    'Ready',
  ],
  [
    'a Redis that is away',
    { ...atRest(), queues: undefined as never },
    { ScalingActive: 'Unknown QueuesUnreadable', Ready: 'False QueuesUnreadable' },
    'Degraded',
  ],
  [
    'an owner that is gone',
    { ...atRest(), unattended: true },
    { ScalingActive: 'Unknown Unattended', Ready: 'False Unattended' },
    'Degraded',
  ],
  [
    'the first look',
    withPool(atRest(), 'clean', { decision: undefined as never }),
    { ScalingActive: 'Unknown Undecided', Ready: 'True AllGood' },
    'Ready',
  ],
  [
    'no run yet',
    { ...atRest(), runs: [] },
    { Fresh: 'Unknown NoSuccess', Conserved: 'Unknown NothingPublished', Ready: 'True AllGood' },
    'Ready',
  ],
  [
    'a failed run',
    { ...atRest(), runs: [...atRest().runs, runOf('b', 'Failed', after)] },
    { Fresh: 'True WithinObjective', Ready: 'False RunFailed' },
    'Degraded',
  ],
  [
    'a failed backfill',
    { ...atRest(), runs: [...atRest().runs, runOf('b', 'Failed', after, { from: 'Clean' })] },
    { Ready: 'True AllGood' },
    'Ready',
  ],
  [
    'a run under way',
    { ...atRest(), runs: [...atRest().runs, runOf('b', 'Running', after)] },
    { Ready: 'True AllGood' },
    'Progressing',
  ],
  [
    'a replay alone',
    { ...atRest(), runs: [runOf('b', 'Succeeded', after, { from: 'Clean' })] },
    { Fresh: 'Unknown NoSuccess' },
    'Ready',
  ],
  [
    'a ledger that is wrong',
    { ...atRest(), runs: [runOf('b', 'Succeeded', after, {}, { datasets: unbalanced })] },
    { Conserved: 'False Unbalanced', Ready: 'False Unbalanced' },
    'Degraded',
  ],
  [
    'a lake of somebody else',
    { ...atRest(), runs: [runOf('b', 'Failed', after, {}, { failures: [failed] })] },
    { Valid: 'False LakeClaimed' },
    'Invalid',
  ],
])('%s', (_, seen, conditions, phase) => {
  const status = deriveStatus(seen);
  expect(Object.fromEntries(Object.keys(conditions).map((type) => [type, short(status, type)]))).toEqual(conditions);
  expect(status.phase).toBe(phase);
});

test('paused by a person, scaled from outside, without schedule or objective', () => {
  const { metadata, spec, ...rest } = usajobs();
  const annotations = { 'jobpulse.dev/paused': 'true' };
  const paused = deriveStatus({ ...atRest(), pipeline: { ...rest, spec, metadata: { ...metadata, annotations } } });
  expect([paused.phase, short(paused, 'Suspended')]).toEqual(['Suspended', 'True Paused']);
  const { schedule: _s, freshness: _f, ...plain } = spec;
  const byHand = deriveStatus({ ...atRest(), pipeline: { ...rest, metadata, spec: plain } });
  expect([short(byHand, 'Suspended'), short(byHand, 'Fresh')]).toEqual(['False NoSchedule', 'True NoObjective']);
  const external = { replicas: 2, ready: 2, provider: 'External' } as const;
  const outside = deriveStatus({ ...atRest(), pools: { extract: external } });
  expect(short(outside, 'ScalingActive')).toBe('True External');
  expect(outside.stages?.[0]).toMatchObject({ replicas: 2, desired: 2, scaling: { reason: 'External' } });
});

test('what is known stays when the runs are gone', () => {
  const gone = deriveStatus(later(atRest(), 1, { runs: [] }));
  expect(gone).toEqual(deriveStatus(atRest()));
});

test('what was left to the next run is told by the newest run that asked the sources', () => {
  const left = (counts: object) => ({ datasets: [{ name: 'postings', covered: [], unavailable: [], ...counts }] });
  const runs = [
    runOf('a', 'Succeeded', '2026-11-20T09:00:00Z', {}, left({ slicesMissing: 3, deferred: 40 })),
    runOf('b', 'Succeeded', '2026-11-20T10:00:00Z', {}, left({ deferred: 20 })),
    runOf('c', 'Succeeded', '2026-11-20T11:00:00Z', { from: 'Clean' }, left({ slicesMissing: 0, deferred: 0 })),
  ];
  const seen = { ...atRest(), runs };
  const { datasets } = deriveStatus(seen);
  expect(datasets).toMatchObject([{ slicesMissing: 3, deferred: 20 }]);
  // It stays when those runs are gone.
  expect(deriveStatus(later(seen, 1, { runs: [] })).datasets).toEqual(datasets);
});

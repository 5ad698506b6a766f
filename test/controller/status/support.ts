import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Pipeline, type PipelineRun, type PipelineRunStatus, parsePipeline } from '../../../src/api/index.ts';
import type { Seen, SeenPool } from '../../../src/controller/status/seen.ts';

const example = join(import.meta.dirname, '..', '..', '..', 'examples', 'usajobs', 'pipeline.yaml');

/** The usajobs example (`freshness: 26h`, a daily schedule), as a cluster would hold it. */
export function usajobs(): Pipeline {
  const parsed = parsePipeline(readFileSync(example, 'utf8'), example);
  if (!parsed.ok) throw new Error('the example is not valid');
  const { metadata } = parsed.pipeline;
  return {
    ...parsed.pipeline,
    metadata: { ...metadata, generation: 3, creationTimestamp: '2026-11-20T10:00:00Z' },
  };
}

export const noon = new Date('2026-11-20T12:10:00Z');

const idle: SeenPool = {
  ...{ replicas: 0, ready: 0, provider: 'Internal' },
  decision: {
    ...{ replicas: 0, reason: 'NoLoad', limits: [], want: 0 },
    facts: { load: 0, active: 0, busy: 0, min: 0, max: 4, concurrency: 2, targetSeconds: 30, stepSeconds: 1.23456 },
  },
};

const empty = { waiting: 0, active: 0, failed: 0 };

/** A pipeline at rest after a good run. */
export const atRest = (): Seen => ({
  pipeline: usajobs(),
  pools: { extract: idle, clean: idle, warehouse: idle },
  queues: { extract: empty, clean: empty, load: empty, transform: empty },
  runs: [runOf('usajobs-29919600', 'Succeeded', '2026-11-20T12:00:09Z')],
  nextRun: new Date('2026-11-21T12:00:00Z'),
  now: noon,
});

/** With a pool as it is not at rest. */
export const withPool = (seen: Seen, pool: 'extract' | 'clean' | 'warehouse', change: Partial<SeenPool>): Seen => ({
  ...seen,
  pools: { ...seen.pools, [pool]: { ...idle, ...change } },
});

/** A run that read 500, of which 2 were rejected. */
export function runOf(
  name: string,
  phase: NonNullable<PipelineRunStatus['phase']>,
  finishTime: string,
  spec: Partial<PipelineRun['spec']> = {},
  status: Partial<PipelineRunStatus> = {},
): PipelineRun {
  const figures = { read: 500, expanded: 0, clean: 498, rejected: 2, filtered: 0, deduplicated: 0 };
  return {
    apiVersion: 'jobpulse.dev/v1alpha1',
    kind: 'PipelineRun',
    metadata: { name },
    spec: {
      ...{ pipelineRef: { name: 'usajobs' }, datasets: [], params: [], from: 'Extract', refresh: false },
      ...{ priority: 'Normal', maxSharePercent: 100, state: 'Run', ttl: '30d' },
      ...spec,
    },
    status: {
      ...{ phase, asOf: '2026-11-20T12:00:00Z', finishTime },
      datasets: [{ name: 'postings', covered: [], unavailable: [], ...figures, added: 498, modified: 0 }],
      ...status,
    },
  };
}

import type { PipelineRun } from '../../../src/api/index.ts';
import type { AlertKind } from '../../../src/api/side.ts';
import type { Watched } from '../../../src/controller/alerts/decide.ts';
import type { Sight } from '../../../src/controller/alerts/judge.ts';
import type { RunReport } from '../../../src/run/report.ts';
import { buildReport } from '../../../src/run/report.ts';

const [namespace, pipeline] = ['default', 'usajobs'];

/** A pipeline whose newest data is fresh enough, or not, and whose ledgers add up, or not. */
export const pipelineThat = ({ fresh = 'True', conserved = 'True' } = {}): Sight['pipeline'] => ({
  metadata: { name: pipeline, namespace },
  status: {
    conditions: [condition('Fresh', fresh, 'the newest data is too old'), condition('Conserved', conserved, '2 ≠ 1')],
  },
});

const condition = (type: string, status: string, message: string) => ({
  ...{ type, status: status as 'True', reason: 'Told', message },
  lastTransitionTime: '2026-01-01T00:00:00Z',
});

/** A run that ended. */
export const ended = (
  name: string,
  phase: 'Succeeded' | 'Failed' | 'Cancelled',
  finishTime = '2026-01-01T00:00:00Z',
): PipelineRun => ({
  ...{ apiVersion: 'jobpulse.dev/v1alpha1', kind: 'PipelineRun', metadata: { name } },
  spec: {
    ...{ pipelineRef: { name: pipeline }, datasets: [], from: 'Extract', refresh: false, params: [], state: 'Run' },
    ...{ priority: 'Normal', maxSharePercent: 100, ttl: '30d' },
  },
  status: {
    ...{ phase, finishTime },
    ...(phase === 'Failed'
      ? {
          failures: [
            {
              ...{ dataset: 'postings', stage: 'Extract', key: 'k' },
              reason: 'SourceUnreachable',
              message: 'no answer',
            },
          ],
        }
      : {}),
  },
});

/** A report with reasons, over datasets that had so many slices to do. */
export const reported = (
  why: RunReport['why'],
  slices: Readonly<Record<string, number>>,
  status: RunReport['status'] = 'Succeeded',
): RunReport => {
  const bare = buildReport({
    ...{ run: 'usajobs-1', pipeline: `${namespace}/${pipeline}`, asOf: '2026-01-01T00:00:00Z', interval: null },
    ...{ status, seconds: 1, datasets: Object.keys(slices), models: [], manifests: [], failures: [], leftOut: [] },
  });
  return { ...bare, datasets: bare.datasets.map((each) => ({ ...each, slices: slices[each.name] ?? 0 })), why };
};

/** One receiver that wants to know of some kinds. */
export const watched = (sight: Sight, ...when: AlertKind[]): Watched => ({
  sight,
  receivers: [{ name: 'failures', when }],
});

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parse } from 'yaml';
import type { Pipeline } from '../../src/api/index.ts';
import { pipelineLabel, scheduledAtAnnotation } from '../../src/controller/kubernetes/names.ts';
import { scheduledRunName } from '../../src/controller/schedule.ts';
import { triggerLabel } from '../../src/controller/trigger.ts';
import { type Api, ApiError } from '../servers/kubernetes/api.ts';
import { namespace, root, until } from './cluster.ts';

const group = '/apis/jobpulse.dev/v1alpha1';
/** Requests under way at the same time. */
const width = 16;

/** Zones that are whole hours from UTC, so that what is due at a minute is due then in all of them. */
const zones = ['UTC', 'Europe/Lisbon', 'America/Chicago', 'Asia/Tokyo', 'Africa/Nairobi', 'America/Sao_Paulo'];

const example = parse(readFileSync(join(root, 'examples', 'usajobs', 'pipeline.yaml'), 'utf8')) as Pipeline;

/** The example, as many different people might have written it; with a schedule if one is given. */
export function fleetPipeline(index: number, schedule?: string): Pipeline {
  const { schedule: _, freshness: _freshness, ...spec } = example.spec;
  const [postings] = spec.datasets;
  if (!postings?.extract.rest) throw new Error('the example has no dataset');
  const columns = postings.clean?.columns ?? [];
  return {
    ...example,
    metadata: { name: `fleet-${index}` },
    spec: {
      ...spec,
      description: `Openings of district ${index}`,
      ...(schedule !== undefined && { schedule, timeZone: zones[index % zones.length] ?? 'UTC' }),
      datasets: [
        {
          ...postings,
          extract: {
            ...postings.extract,
            rest: { ...postings.extract.rest, query: { ...postings.extract.rest.query, District: String(index) } },
          },
          clean: {
            ...postings.clean,
            columns: [...columns, { name: `district_${index}`, type: 'string', from: '$.District' }],
          } as NonNullable<typeof postings.clean>,
        },
      ],
    },
  };
}

/** A schedule whose next tick is half an hour away, so that none falls into what is measured. */
export const farSchedule = (now = new Date()): string => `${(now.getUTCMinutes() + 30) % 60} * * * *`;

/** Creates Pipelines, many at the same time; returns them as they are stored. */
export const createPipelines = (api: Api, pipelines: readonly Pipeline[]): Promise<readonly Pipeline[]> =>
  each(pipelines, (pipeline) => api.post<Pipeline>(`${group}/namespaces/${namespace}/pipelines`, pipeline));

/**
 * Gives Pipelines what their history limits let stay, while no controller runs (it would begin these runs): three runs that succeeded and, before them,
 * one that failed.
 */
export async function createHistories(api: Api, pipelines: readonly Pipeline[], now = new Date()): Promise<void> {
  await each(pipelines, async (pipeline) => {
    for (const [hours, phase] of [
      [5, 'Failed'],
      [4, 'Succeeded'],
      [3, 'Succeeded'],
      [2, 'Succeeded'],
    ] as const) {
      const run = endedRun(pipeline, new Date(now.getTime() - hours * 3_600_000), phase);
      const path = `${group}/namespaces/${namespace}/pipelineruns`;
      await api.post(path, { ...run, status: undefined });
      await api.patch(`${path}/${run.metadata.name}/status`, { status: run.status });
    }
  });
}

/** A run as it is after its end. */
function endedRun({ apiVersion, metadata: { name, uid } }: Pipeline, at: Date, phase: 'Succeeded' | 'Failed') {
  const asOf = new Date(Math.floor(at.getTime() / 60_000) * 60_000);
  const time = (seconds: number) => new Date(asOf.getTime() + seconds * 1000).toISOString();
  const isDone = phase === 'Succeeded';
  return {
    apiVersion,
    kind: 'PipelineRun',
    metadata: {
      name: scheduledRunName(name, asOf.getTime()),
      namespace,
      labels: { [pipelineLabel]: name, [triggerLabel]: 'Schedule' },
      annotations: { [scheduledAtAnnotation]: time(0) },
      ownerReferences: [{ apiVersion, kind: 'Pipeline', name, uid, blockOwnerDeletion: false }],
    },
    spec: { pipelineRef: { name } },
    status: {
      ...{ observedGeneration: 1, phase, asOf: time(0), wave: 4, startTime: time(1), finishTime: time(40) },
      steps: { total: 3, done: isDone ? 3 : 0, running: 0, failed: isDone ? 0 : 1, countedAt: time(40) },
      datasets: isDone
        ? [{ name: 'postings', read: 742, expanded: 0, clean: 736, rejected: 6, added: 736, seconds: 39 }]
        : [],
      failures: isDone ? [] : [failure],
      conditions: [
        {
          ...{
            type: 'Succeeded',
            status: isDone ? 'True' : 'False',
            observedGeneration: 1,
            lastTransitionTime: time(40),
          },
          ...(isDone ? { reason: 'AllDone', message: '3 steps' } : { reason: 'StepsFailed', message: failure.message }),
        },
      ],
    },
  };
}

const failure = {
  ...{ dataset: 'postings', stage: 'Extract', key: '0123456789abcdef0123', reason: 'HttpStatus' },
  message: 'the source answered 500 five times; look at it and run again',
};

/** Waits until so many Pipelines are ready. */
export const areReady = (api: Api, count: number, timeoutMs: number): Promise<void> =>
  until(async () => {
    // An API server that has just come back asks for patience.
    const { items } = await api.get<{ items: Pipeline[] }>(`${group}/pipelines`).catch(patiently);
    await sleep(500); // listing costs the API server more than anybody else has it do
    return items.filter(isReady).length >= count;
  }, timeoutMs);

function patiently(error: unknown): { items: Pipeline[] } {
  if (error instanceof ApiError && (error.code === 429 || error.code >= 500)) return { items: [] };
  throw error;
}

const isReady = ({ status }: Pipeline): boolean =>
  status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false;

/** Does something for each item, a few at the same time. */
export async function each<Item, Result>(
  items: readonly Item[],
  work: (item: Item) => Promise<Result>,
): Promise<readonly Result[]> {
  const results: Result[] = [];
  let next = 0;
  const worker = async () => {
    for (let index = next++; index < items.length; index = next++) {
      results[index] = await work(items[index] as Item);
    }
  };
  await Promise.all(Array.from({ length: width }, worker));
  return results;
}

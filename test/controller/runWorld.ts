import type { Pipeline, PipelineRun, PipelineRunStatus } from '../../src/api/index.ts';
import { hasEnded, reconcileRun } from '../../src/controller/runs.ts';
import type { World } from '../../src/controller/world.ts';
import type { RedisAddress } from '../../src/queue/connection.ts';
import type { PlanPayload, PlanResult } from '../../src/queue/payload.ts';
import type { Failure } from '../../src/run/types.ts';
import { finished, openShop, type Plan, type Shop, type ShopOptions } from '../workers/workshop.ts';

export interface TestWorld extends World {
  readonly runs: Map<string, PipelineRun>;
  readonly pipelines: Map<string, Pipeline>;
  /** Statuses in the order in which they were written. */
  readonly written: NonNullable<PipelineRunStatus>[];
}

/** Resources in memory, over the queues of a shop; each reading of the clock is a second later. */
function worldOf(shop: Shop): TestWorld {
  const written: PipelineRunStatus[] = [];
  const runs = new Map([['r', runOf(shop.pipeline)]]);
  const pipelines = new Map([[shop.pipeline, { metadata: { name: shop.pipeline }, spec: {} } as Pipeline]]);
  let clock = Date.parse('2026-11-20T12:00:00Z');
  const now = () => {
    clock += 1000;
    return new Date(clock);
  };
  return {
    ...{
      namespace: 'test',
      installation: 'here',
      warehouse: () => 'w',
      waves: shop.waves,
      runs,
      pipelines,
      written,
      now,
    },
    pipeline: async (name) => pipelines.get(name),
    run: async (name) => runs.get(name),
    writeRunStatus: async (name, status) => {
      const run = runs.get(name);
      if (!run) return;
      written.push(status);
      runs.set(name, { ...run, status });
    },
  };
}

export const runOf = (pipeline: string): PipelineRun =>
  ({
    metadata: { name: 'r', generation: 3 },
    spec: {
      pipelineRef: { name: pipeline },
      datasets: [],
      from: 'Extract',
      params: [],
      state: 'Run',
      priority: 'Normal',
    },
  }) as unknown as PipelineRun;

export const statusOf = (world: TestWorld): PipelineRunStatus => world.runs.get('r')?.status ?? {};

/** Reconciles until the run has ended; tells how often. */
export async function toTheEnd(world: TestWorld, shop: Shop): Promise<number> {
  for (let pass = 1; pass <= 20; pass += 1) {
    await reconcileRun(world, 'r');
    const run = world.runs.get('r');
    if (run && hasEnded(run)) return pass;
    await shop.ended('r', statusOf(world).wave ?? 0);
  }
  throw new Error('the run does not end');
}

type Found = (failures: readonly Failure[], shop: Shop) => PlanResult | Promise<PlanResult>;

/** What plans find, one after the other, at last nothing; what they were asked is kept. */
export function planned(...found: Found[]): { readonly asked: PlanPayload[]; readonly plan: Plan } {
  const asked: PlanPayload[] = [];
  const plan: Plan = async (payload, failures, shop) => {
    asked.push(payload);
    return (found[asked.length - 1] ?? finished)(failures, shop);
  };
  return { asked, plan };
}

/** Finds steps of these names. */
export const missing =
  (...names: string[]): Found =>
  async (failures, shop) => ({ steps: await Promise.all(names.map(shop.step)), failures });

/** A run `r` of a pipeline, its queues, and workers that extract and plan. */
export async function openRun(address: RedisAddress, options: ShopOptions): Promise<{ shop: Shop; world: TestWorld }> {
  const shop = await openShop(address, options);
  shop.work('extract');
  shop.work('clean');
  return { shop, world: worldOf(shop) };
}

/** Asks something else of the run from now on. */
export function ask(world: TestWorld, asked: Partial<PipelineRun['spec']>): void {
  const run = world.runs.get('r');
  if (run) world.runs.set('r', { ...run, spec: { ...run.spec, ...asked } });
}

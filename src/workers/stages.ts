import type { StageName } from '../run/types.ts';
import type { WorkerConfig } from './config.ts';
import type { planRun } from './plan.ts';
import type { Stage } from './stage.ts';

type Stages = Partial<Record<StageName, Stage<never>>>;

/** What a pool can do. */
export interface Abilities {
  readonly stages: Stages;
  /** Only where the queue of plan jobs is served. */
  readonly plan?: typeof planRun;
  readonly close: () => Promise<void>;
}

/** The stages of a pool. Loaded when needed: a worker starts with only what its pool does. */
export async function openStages(config: WorkerConfig): Promise<Abilities> {
  const nothing = async () => undefined;
  switch (config.pool) {
    case 'extract': {
      const { extract } = await import('./extract.ts');
      return { stages: { Extract: extract as Stage<never> }, close: nothing };
    }
    case 'clean': {
      const [{ clean }, { compact }, { sweepStage }, { planRun }] = await Promise.all([
        import('./clean.ts'),
        import('./compact.ts'),
        import('../lake/sweep.ts'),
        import('./plan.ts'),
      ]);
      const stages = {
        Clean: clean as Stage<never>,
        Compact: compact as Stage<never>,
        Sweep: sweepStage as Stage<never>,
      };
      return { stages, plan: planRun, close: nothing };
    }
    case 'warehouse': {
      const [{ openWarehouses }, { load }, { transform }] = await Promise.all([
        import('./warehouses.ts'),
        import('./load.ts'),
        import('./transform.ts'),
      ]);
      const { of, close } = await openWarehouses(config);
      return { stages: { Load: load(of) as Stage<never>, Transform: transform(of) as Stage<never> }, close };
    }
  }
}

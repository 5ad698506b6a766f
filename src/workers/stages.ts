import type { StageName } from '../run/types.ts';
import type { WorkerConfig } from './config.ts';
import type { Stage } from './stage.ts';

type Stages = Partial<Record<StageName, Stage<never>>>;

/** The stages of a pool. Loaded when needed: a worker starts with only what its pool does. */
export async function openStages(config: WorkerConfig): Promise<{ stages: Stages; close: () => Promise<void> }> {
  const nothing = async () => undefined;
  switch (config.pool) {
    case 'extract': {
      const { extract } = await import('./extract.ts');
      return { stages: { Extract: extract as Stage<never> }, close: nothing };
    }
    case 'clean': {
      const [{ clean }, { sweepStage }] = await Promise.all([import('./clean.ts'), import('../lake/sweep.ts')]);
      return { stages: { Clean: clean as Stage<never>, Sweep: sweepStage as Stage<never> }, close: nothing };
    }
    case 'warehouse': {
      const [{ openDuckDBWarehouse }, { load }, { transform }] = await Promise.all([
        import('../connectors/warehouses/duckdb.ts'),
        import('./load.ts'),
        import('./transform.ts'),
      ]);
      const warehouse = await openDuckDBWarehouse({
        path: config.warehouse,
        lake: config.lake,
        scratch: config.scratch,
      });
      return {
        stages: { Load: load(warehouse) as Stage<never>, Transform: transform(warehouse) as Stage<never> },
        close: () => warehouse.close(),
      };
    }
  }
}

import { folderOf } from '../connectors/stores/open.ts';
import type { Warehouse } from '../connectors/warehouses/warehouse.ts';
import { TerminalError } from '../run/errors.ts';
import type { WarehouseServer } from '../run/specs.ts';
import type { WorkerConfig } from './config.ts';
import type { ReadSecret } from './stage.ts';

/** The warehouse that a step goes to: a server, if the step names one, else the embedded one. */
export type Warehouses = (server: WarehouseServer, secret: ReadSecret) => Warehouse;

/** Opens what the steps of a worker can go to. The file of the embedded warehouse is this process's from now on. */
export async function openWarehouses(
  config: Pick<WorkerConfig, 'lake' | 'scratch' | 'warehouse'>,
): Promise<{ readonly of: Warehouses; readonly close: () => Promise<void> }> {
  const { openPostgresWarehouse } = await import('../connectors/warehouses/postgres.ts');
  const lake = folderOf(config.lake);
  const common = { ...(lake !== undefined && { lake }), scratch: config.scratch };
  const embedded = config.warehouse === undefined ? undefined : await openEmbedded(config.warehouse, common);
  return {
    of: ({ url, ca }, secret) => {
      if (url) {
        const server = () => ({ url: secret(url) ?? '', ca: ca && secret(ca) });
        return openPostgresWarehouse({ ...common, server });
      }
      if (embedded) return embedded;
      throw new TerminalError('WrongPool', 'this worker has no embedded warehouse, but a step is to go there');
    },
    close: async () => embedded?.close(),
  };
}

async function openEmbedded(path: string, common: { readonly lake?: string; readonly scratch: string }) {
  const { openDuckDBWarehouse } = await import('../connectors/warehouses/duckdb.ts');
  return openDuckDBWarehouse({ ...common, path });
}

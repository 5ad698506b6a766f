import { join } from 'node:path';
import { openDuckDBWarehouse } from '../../../src/connectors/warehouses/duckdb.ts';
import type { LoadSlice } from '../../../src/connectors/warehouses/warehouse.ts';
import { table } from './world.ts';

/**
 * Run as a process whose files may not grow beyond a limit: loads each of the given snapshots and prints what came
 * of it, one line each.
 */
const [folder = '', ...slices] = process.argv.slice(2);
const lake = join(folder, 'lake');
const warehouse = await openDuckDBWarehouse({
  path: join(folder, 'warehouse.duckdb'),
  lake,
  scratch: join(folder, 'scratch'),
  memory: '500MB',
});
const locate = async (paths: readonly string[]) => paths.map((path) => ({ path: join(lake, path) }));
for (const [at, text] of slices.entries()) {
  const slice = JSON.parse(text) as LoadSlice;
  const request = { key: `key-${at}`, table: table({ onMissing: 'Ignore' }), slices: [slice], rebuild: false, locate };
  const outcome = await warehouse.load(request, new AbortController().signal).then(
    ({ rows }) => `${rows} rows`,
    (error: { reason?: string; message: string }) => error.reason ?? error.message,
  );
  process.stdout.write(`${outcome}\n`);
}
await warehouse.close();

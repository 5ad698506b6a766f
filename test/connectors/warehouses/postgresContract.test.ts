import { loadContract } from './contract.ts';
import { onPostgres } from './everyWarehouse.ts';

onPostgres('a PostgreSQL server', (open) => loadContract('PostgreSQL', open, Number(process.env.CONTRACT_RUNS ?? 2)));

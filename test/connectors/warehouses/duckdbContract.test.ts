import { loadContract } from './contract.ts';
import { World } from './world.ts';

loadContract('DuckDB', async () => new World(), Number(process.env.CONTRACT_RUNS ?? 5));

/** A process with a private Redis: `<dataDir>`. Prints the socket when Redis answers, then waits to be killed. */
import { pino } from 'pino';
import { cacheFolder } from '../../../src/controller/standalone/folders.ts';
import { provideRedis } from '../../../src/controller/standalone/redis.ts';

const [dataDir = ''] = process.argv.slice(2);
const signal = AbortSignal.timeout(60_000);
const redis = await provideRedis({ dataDir, cacheDir: cacheFolder(), log: pino({ level: 'silent' }), signal });
process.stdout.write(`${JSON.stringify(redis.connection)}\n`);
setInterval(() => undefined, 1_000);

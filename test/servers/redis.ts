import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { cacheFolder } from '../../src/controller/standalone/folders.ts';
import { provideRedis } from '../../src/controller/standalone/redis.ts';
import { probeRedis } from '../../src/controller/standalone/redis-probe.ts';
import type { RedisAddress } from '../../src/queue/connection.ts';

/** A real, private, empty Redis for one test file: set it up in `beforeAll`, stop it in `afterAll`. */
export interface TestRedis {
  readonly connection: RedisAddress;
  stop(): Promise<void>;
}

export async function startRedis(): Promise<TestRedis> {
  const dataDir = await mkdtemp(join(tmpdir(), 'jobpulse-test-redis-'));
  const redis = await provideRedis({
    dataDir,
    cacheDir: cacheFolder(),
    log: pino({ level: 'silent' }),
    signal: AbortSignal.timeout(120_000),
  });
  return {
    connection: redis.connection,
    stop: async () => {
      await redis.stop();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

/**
 * A Redis on a TCP port of this machine, as somebody else would run it; `args` are settings of the server. It keeps
 * nothing: stopped, and started again on the same port, it is empty.
 */
export async function startTcpRedis(
  args: readonly string[],
  givenPort?: number,
): Promise<{ port: number; stop(): Promise<void> }> {
  const port = givenPort ?? (await freePort());
  const child = spawn('redis-server', ['--port', String(port), '--bind', '127.0.0.1', '--save', '', ...args]);
  const stop = async () => {
    const gone = once(child, 'exit');
    if (child.kill('SIGKILL')) await gone;
  };
  for (let attempt = 0; attempt < 500; attempt++) {
    const failure = await probeRedis({ url: `redis://127.0.0.1:${port}` }, 1_000).catch((error: Error) => error);
    // A server that asks for a password is up.
    if (!(failure instanceof Error) || failure.message.startsWith('NOAUTH')) return { port, stop };
    await sleep(10);
  }
  await stop();
  throw new Error('the test Redis did not start');
}

/** A TCP port nobody listens on. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  if (address === null || typeof address === 'string') throw new Error('no TCP port');
  return address.port;
}

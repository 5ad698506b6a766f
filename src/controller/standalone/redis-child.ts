import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { TerminalError } from '../../run/errors.ts';
import { type RedisBinary, redisEnvironment } from './redis-binary.ts';
import { probeRedis } from './redis-probe.ts';

/**
 * Becomes the server, and leaves a small guard beside it that reads from us until we end, however we end, and then
 * ends the server. The guard is in the server's process group, so the server's pid cannot be given to a stranger.
 */
const guarded = `
server=$$
(
  cat <&3
  kill -TERM $server || exit
  for _ in 1 2 3 4 5 6 7 8 9 10; do sleep 0.5; kill -0 $server || exit; done
  kill -KILL $server
) >/dev/null 2>&1 &
exec "$@" 3<&-
`;

const startTimeoutMs = 60_000;
const stopTimeoutMs = 10_000;
const keptLogLines = 20;
/** `11490:M 21 Nov 2026 09:38:35.015 * ` */
const logPrefix = /^\d+:\S+ \d+ \w+ \d+ [\d:.]+ \S /;

/** A server that could not start, with what it said about that. */
export class RedisStartError extends Error {
  override readonly name = 'RedisStartError';
  readonly output: readonly string[];
  constructor(output: readonly string[]) {
    super(`Redis did not start: ${output.slice(-5).join(' | ') || 'it said nothing'}`);
    this.output = output;
  }
}

/** A running server of ours. */
export interface RedisChild {
  /** Resolves with its last log lines when it has ended, whoever ended it. */
  readonly ended: Promise<readonly string[]>;
  /** Ends it after it has written what it holds to disk. */
  stop(): Promise<void>;
}

/** Starts a server over a folder and waits until it answers on its socket. */
export async function startRedis(
  binary: RedisBinary,
  folder: string,
  socket: string,
  log: Logger,
  signal: AbortSignal,
): Promise<RedisChild> {
  signal.throwIfAborted();
  const child = spawn('/bin/sh', ['-c', guarded, 'sh', binary.path, ...settings(folder, socket)], {
    cwd: folder,
    // A process group of its own: Ctrl-C in the terminal is for us, and we still need Redis to drain.
    detached: true,
    env: redisEnvironment(binary.libraries),
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
  });
  const output = keepLines(child, log);
  // `close` waits for every pipe, and the guard holds the other end of its own until we let go of it.
  child.once('exit', () => child.stdio[3]?.destroy());
  const ended = once(child, 'close').then(() => output);
  const stop = () => stopChild(child);
  try {
    if (await untilItAnswers(child, socket, signal)) return { ended, stop };
  } catch (error) {
    await stop();
    throw error;
  }
  await stop();
  throw new RedisStartError(await ended);
}

const settings = (folder: string, socket: string): string[] =>
  Object.entries({
    dir: folder,
    port: '0',
    unixsocket: socket,
    unixsocketperm: '700',
    pidfile: join(folder, 'redis.pid'),
    logfile: '',
    save: '',
    appendonly: 'yes',
    'aof-load-truncated': 'yes',
    'maxmemory-policy': 'noeviction',
  }).flatMap(([name, value]) => [`--${name}`, value]);

function keepLines(child: ChildProcess, log: Logger): string[] {
  const lines: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    if (!stream) continue;
    createInterface({ input: stream }).on('line', (raw) => {
      const line = raw.replace(logPrefix, '').trim().slice(0, 500);
      if (line === '') return;
      log.debug({ redis: line });
      lines.push(line);
      if (lines.length > keptLogLines) lines.shift();
    });
  }
  return lines;
}

async function untilItAnswers(child: ChildProcess, socket: string, signal: AbortSignal): Promise<boolean> {
  const deadline = performance.now() + startTimeoutMs;
  while (!hasEnded(child) && performance.now() < deadline) {
    try {
      await probeRedis({ path: socket }, deadline - performance.now());
      return true;
    } catch {
      await sleep(10);
      signal.throwIfAborted();
    }
  }
  return false;
}

const hasEnded = (child: ChildProcess): boolean => child.exitCode !== null || child.signalCode !== null;

async function stopChild(child: ChildProcess): Promise<void> {
  if (hasEnded(child)) return;
  const gone = once(child, 'close');
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), stopTimeoutMs);
  await gone;
  clearTimeout(timer);
}

/**
 * Waits until no server of an earlier owner is left on this socket: its guard ends it within moments of its owner.
 * Two servers over one folder would destroy each other's files, so one that does not go is killed.
 */
export async function endOrphan(folder: string, socket: string, log: Logger): Promise<void> {
  for (const [signal, patienceMs] of [
    [undefined, 3_000],
    ['SIGTERM', 5_000],
    ['SIGKILL', 2_000],
  ] as const) {
    if (signal !== undefined) signalOrphan(folder, signal, log);
    if (await goneWithin(socket, patienceMs)) return;
  }
  throw new TerminalError(
    'RedisFailed',
    `a Redis that this data directory does not know still listens on ${socket}; stop it, then start again`,
  );
}

function signalOrphan(folder: string, signal: NodeJS.Signals, log: Logger): void {
  try {
    const pid = Number(readFileSync(join(folder, 'redis.pid'), 'utf8'));
    if (!Number.isInteger(pid) || pid <= 1) return;
    log.warn({ pid }, `stopping a Redis that was left behind (${signal})`);
    process.kill(pid, signal);
  } catch {
    // It ended by itself in the meantime.
  }
}

async function goneWithin(socket: string, patienceMs: number): Promise<boolean> {
  const deadline = performance.now() + patienceMs;
  while (await isListening(socket)) {
    if (performance.now() >= deadline) return false;
    await sleep(20);
  }
  return true;
}

const isListening = (socket: string): Promise<boolean> =>
  new Promise((resolve) => {
    const client = connect(socket)
      .on('connect', () => resolve(true))
      .on('error', () => resolve(false))
      .on('close', () => resolve(false));
    client.on('connect', () => client.destroy());
  });

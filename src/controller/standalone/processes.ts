import { type ChildProcess, spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { TerminalError } from '../../run/errors.ts';

/** A worker says every two seconds that it lives; one that has been silent for this long is replaced. */
const silenceMs = 20_000;
const watchEveryMs = 2_000;
/** Workers that end this often in a row before they are ready will not get ready the next time either. */
const mostFailedStarts = 5;
/** A worker that dies within this time after its start died young: of its work, or of what killed the one before it. */
const youngMs = 5_000;
const mostYoungDeaths = 30;
const slowestRestartMs = 5_000;
const keptLines = 20;

export interface PoolOptions {
  readonly name: string;
  readonly size: number;
  /** Program and arguments of a worker. */
  readonly command: readonly [string, ...string[]];
  readonly env: NodeJS.ProcessEnv;
  readonly log: Logger;
  /** Called with each worker that is ready to be told what to do. */
  readonly onReady: (worker: ChildProcess) => void;
  /** Called when workers cannot be kept alive. */
  readonly onGivenUp: (error: TerminalError) => void;
}

/** Worker processes of one kind, kept at a number. */
export interface Pool {
  /** Process ids of the workers that run now. */
  readonly pids: () => readonly number[];
  /** Sends a message to every worker that is ready. */
  send(message: object): void;
  /** Asks all workers to end their steps, and ends those that have not after the grace time. */
  stop(graceMs: number): Promise<void>;
}

/** Starts a pool. Workers have an IPC channel and end when it does, so none outlives this process. */
export function startPool(options: PoolOptions): Pool {
  const slots = Array.from({ length: options.size }, () => keepAlive(options));
  return {
    pids: () => slots.flatMap((slot) => slot.child()?.pid ?? []),
    send: (message) => {
      for (const slot of slots) slot.send(message);
    },
    stop: async (graceMs) => {
      await Promise.all(slots.map((slot) => slot.stop(graceMs)));
    },
  };
}

interface Slot {
  child(): ChildProcess | undefined;
  send(message: object): void;
  stop(graceMs: number): Promise<void>;
}

/** One place in a pool: a worker, and after its death the next. */
function keepAlive(options: PoolOptions): Slot {
  const stopping = new AbortController();
  let current: Worker | undefined;
  const life = (async () => {
    let failedStarts = 0;
    let youngDeaths = 0;
    while (!stopping.signal.aborted) {
      const bornAt = performance.now();
      current = startWorker(options);
      const ending = await current.ended;
      if (stopping.signal.aborted) return;
      failedStarts = ending.wasReady ? 0 : failedStarts + 1;
      youngDeaths = performance.now() - bornAt < youngMs ? youngDeaths + 1 : 0;
      if (failedStarts >= mostFailedStarts || youngDeaths >= mostYoungDeaths) {
        return options.onGivenUp(givenUp(options.name, ending));
      }
      options.log.warn(`a ${options.name} worker ended (${ending.cause}) and is replaced`);
      const pause = youngDeaths <= 1 ? 0 : Math.min(slowestRestartMs, 100 * 2 ** youngDeaths);
      await sleep(pause, undefined, { signal: stopping.signal }).catch(() => undefined);
    }
  })();
  return {
    child: () => current?.child,
    send: (message) => current?.send(message),
    stop: async (graceMs) => {
      stopping.abort();
      await current?.stop(graceMs);
      await life;
    },
  };
}

const givenUp = (name: string, { cause, lines }: Ending): TerminalError =>
  new TerminalError(
    'WorkersFailed',
    `${name} workers end as soon as they start (${cause}): ${lines.slice(-3).join(' | ') || 'they said nothing'}`,
  );

interface Ending {
  readonly cause: string;
  readonly wasReady: boolean;
  /** The last it wrote to standard error. */
  readonly lines: readonly string[];
}

interface Worker {
  readonly child: ChildProcess;
  readonly ended: Promise<Ending>;
  send(message: object): void;
  stop(graceMs: number): Promise<void>;
}

function startWorker({ command, env, log, name, onReady }: PoolOptions): Worker {
  const [program, ...args] = command;
  const child = spawn(program, args, { env, stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
  const lines = passOn(child);
  let ready = false;
  let heardAt = performance.now();
  child.on('message', ({ type }: { readonly type: string }) => {
    heardAt = performance.now();
    if (type !== 'ready') return;
    ready = true;
    onReady(child);
  });
  child.on('error', (error) => log.error(`a ${name} worker: ${error.message}`));
  const watch = watchSilence(
    () => heardAt,
    () => {
      log.warn(`a ${name} worker has been silent for ${silenceMs / 1000} s and is ended`);
      child.kill('SIGKILL');
    },
  );
  const ended = causeOfEnd(child).then((cause): Ending => {
    clearInterval(watch);
    return { cause, wasReady: ready, lines };
  });
  return {
    child,
    ended,
    send: (message) => {
      if (ready && child.connected) child.send(message);
    },
    stop: async (graceMs) => {
      child.kill('SIGTERM');
      const late = setTimeout(() => child.kill('SIGKILL'), graceMs);
      await ended;
      clearTimeout(late);
    },
  };
}

/** Passes on what a worker writes to standard error, and keeps the last lines of it. */
function passOn(child: ChildProcess): readonly string[] {
  const lines: string[] = [];
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    lines.push(...text.split('\n').filter((line) => line !== ''));
    lines.splice(0, Math.max(0, lines.length - keptLines));
    process.stderr.write(text);
  });
  return lines;
}

/** Why a child has ended. A failed message or signal is an error too, but not an end; a failed start is. */
const causeOfEnd = (child: ChildProcess): Promise<string> =>
  new Promise((resolve) => {
    child.once('close', (code, signal) => resolve(signal ?? `exit code ${code}`));
    child.on('error', (error) => {
      if (child.pid === undefined) resolve(error.message);
    });
  });

/** Calls `onSilence` when nothing was heard for too long; time in which this process slept too does not count. */
function watchSilence(heardAt: () => number, onSilence: () => void): NodeJS.Timeout {
  let lastLook = performance.now();
  let forgiven = 0;
  return setInterval(() => {
    const now = performance.now();
    if (now - lastLook > 2 * watchEveryMs) forgiven = now;
    lastLook = now;
    if (now - Math.max(heardAt(), forgiven) > silenceMs) onSilence();
  }, watchEveryMs);
}

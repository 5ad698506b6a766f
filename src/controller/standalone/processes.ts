import { type ChildProcess, spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { TerminalError } from '../../run/errors.ts';
import type { FromWorker, RetireMessage } from '../../workers/config.ts';

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
  /** Workers to begin with. */
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
  /** Workers there are to be; those that are about to end do not count. */
  size(): number;
  /**
   * Sets the number of workers. Those that go end when their steps have ended; those that are not `busy`, by the names
   * they gave, go first. A place is free when its worker has ended, so there are never more processes than places.
   */
  scale(size: number, busy?: readonly string[]): void;
  /** Sends a message to every worker that is ready. */
  send(message: object): void;
  /** Asks all workers to end their steps, and ends those that have not after the grace time. */
  stop(graceMs: number): Promise<void>;
}

/** Starts a pool. Workers have an IPC channel and end when it does, so none outlives this process. */
export function startPool(options: PoolOptions): Pool {
  const slots = new Set<Slot>();
  const staying = () => [...slots].filter((slot) => !slot.retiring());
  const scale = (size: number, busy: readonly string[] = []): void => {
    for (let free = size - slots.size; free > 0; free -= 1) slots.add(keepAlive(options));
    const isBusy = (slot: Slot): number => Number(busy.includes(slot.name() ?? ''));
    const idleFirst = staying().toSorted((a, b) => isBusy(a) - isBusy(b));
    for (const slot of idleFirst.slice(0, Math.max(0, idleFirst.length - size))) {
      void slot.retire().then(() => slots.delete(slot));
    }
  };
  scale(options.size);
  return {
    pids: () => [...slots].flatMap((slot) => slot.child()?.pid ?? []),
    size: () => staying().length,
    scale,
    send: (message) => {
      for (const slot of staying()) slot.send(message);
    },
    stop: async (graceMs) => {
      await Promise.all([...slots].map((slot) => slot.stop(graceMs)));
    },
  };
}

interface Slot {
  child(): ChildProcess | undefined;
  /** The name its worker gave, once it is ready. */
  name(): string | undefined;
  retiring(): boolean;
  send(message: object): void;
  /** Settles when the worker has ended its steps and itself; there is no next one. */
  retire(): Promise<void>;
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
    name: () => current?.name(),
    retiring: () => stopping.signal.aborted,
    retire: async () => {
      stopping.abort();
      current?.retire();
      await life;
    },
    send: (message) => current?.send(message),
    stop: async (graceMs) => {
      stopping.abort();
      await current?.stop(graceMs);
      await life;
    },
  };
}

function givenUp(name: string, { cause, lines }: Ending): TerminalError {
  // Below an error that nobody caught stands a stack, which tells a person less than the error.
  const said = lines.findLast((line) => /^\W*\w*Error\b/.test(line)) ?? lines.slice(-3).join(' | ');
  const why = said || 'they said nothing';
  return new TerminalError('WorkersFailed', `${name} workers end as soon as they start (${cause}): ${why}`);
}

interface Ending {
  readonly cause: string;
  readonly wasReady: boolean;
  /** The last it wrote to standard error. */
  readonly lines: readonly string[];
}

interface Worker {
  readonly child: ChildProcess;
  readonly ended: Promise<Ending>;
  name(): string | undefined;
  send(message: object): void;
  /** Asks it to end when its steps have ended, however long they take. */
  retire(): void;
  stop(graceMs: number): Promise<void>;
}

function startWorker({ command, env, log, name: pool, onReady }: PoolOptions): Worker {
  const [program, ...args] = command;
  const child = spawn(program, args, { env, stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
  const lines = passOn(child);
  let ready = false;
  let name: string | undefined;
  let heardAt = performance.now();
  child.on('message', (message: FromWorker) => {
    heardAt = performance.now();
    if (message.type !== 'ready') return;
    ready = true;
    name = message.name;
    onReady(child);
  });
  child.on('error', (error) => log.error(`a ${pool} worker: ${error.message}`));
  const watch = watchSilence(
    () => heardAt,
    () => {
      log.warn(`a ${pool} worker has been silent for ${silenceMs / 1000} s and is ended`);
      child.kill('SIGKILL');
    },
  );
  const ended = causeOfEnd(child).then((cause): Ending => {
    clearInterval(watch);
    return { cause, wasReady: ready, lines };
  });
  const send = (message: object): void => {
    if (ready && child.connected) child.send(message);
  };
  return {
    child,
    ended,
    name: () => name,
    send,
    retire: () => {
      if (ready) send({ type: 'retire' } satisfies RetireMessage);
      else child.kill('SIGTERM'); // it has no steps yet
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

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { descendants, outliving } from '../test/e2e/processes.ts';

export interface Command {
  readonly program: string;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
}

/** A command and all processes that it started. */
export interface Tree {
  readonly pid: number;
  /** Waits for its end; throws unless it ended well and in time. */
  ended(patienceMs: number): Promise<void>;
  /** Waits for its end, so long at most; tells whether it has ended, and throws when it ended badly. */
  endedWithin(ms: number): Promise<boolean>;
  /** Waits until something is so while it runs; throws when it ends before, or that takes too long. */
  until(isSo: () => Promise<boolean>, each: { readonly everyMs: number; readonly patienceMs: number }): Promise<void>;
}

/** The end of what a command says that is told when it fails, in characters. */
const toldOfFailure = 4000;

export function startTree({ program, args, env }: Command): Tree {
  const { PATH, HOME } = process.env;
  const child = spawn(program, args, { env: { PATH, HOME, ...env }, stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => {
    said = (said + chunk.toString('utf8')).slice(-toldOfFailure);
  });
  const exit: Promise<unknown> = once(child, 'exit').then(([code, signal]) => code ?? signal);
  exit.catch(() => undefined);
  const failed = (what: string) => new Error(`${program} ${args[0] ?? ''} ${what}: ${said}`);
  const endedWithin = async (ms: number): Promise<boolean> => {
    const how = await Promise.race([exit, sleep(ms, 'too late', { ref: false })]);
    if (how !== 0 && how !== 'too late') throw failed(`ended with ${how}`);
    return how === 0;
  };
  return {
    pid: child.pid ?? 0,
    endedWithin,
    async ended(patienceMs) {
      if (!(await endedWithin(patienceMs))) throw failed('took too long');
    },
    async until(isSo, { everyMs, patienceMs }) {
      const deadline = performance.now() + patienceMs;
      while (!(await isSo())) {
        const isOver = await Promise.race([exit.then(() => true), sleep(everyMs, false)]);
        if (isOver || performance.now() > deadline) throw failed('was not there to be killed any more');
      }
    },
  };
}

/** Ends at once whatever is left of a command. */
export async function killTree({ pid }: Tree): Promise<void> {
  const below = await descendants(pid);
  for (const each of [pid, ...below.map((one) => one.pid)]) {
    try {
      process.kill(each, 'SIGKILL');
    } catch {
      // It has ended.
    }
  }
  const left = await outliving(below, 10);
  if (left.length > 0) throw new Error(`still there after a kill: ${left.map(({ command }) => command).join('; ')}`);
}

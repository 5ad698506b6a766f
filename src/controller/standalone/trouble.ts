import type { Logger } from 'pino';
import { TerminalError } from '../../run/errors.ts';

/** Told after each try of something that is tried for ever what went wrong; `undefined` when nothing did. */
export type Trouble = (error: unknown) => void;

export interface TroubleOptions {
  readonly log: Logger;
  /** How long to wait for a cause to pass by itself. */
  readonly patienceMs: number;
  /** Called when it did not, in words for a person. */
  readonly giveUp: (error: TerminalError) => void;
  /** From the end on everything fails, and that is no trouble. */
  readonly ended: AbortSignal;
}

/** Logs each cause once. */
export function watchTrouble({ log, patienceMs, giveUp, ended }: TroubleOptions): Trouble {
  let since: number | undefined;
  let logged: string | undefined;
  return (error) => {
    if (ended.aborted) return;
    if (error === undefined) {
      since = undefined;
      logged = undefined;
      return;
    }
    since ??= performance.now();
    const words = inWords(error);
    if (words.message !== logged) log.warn(`${words.message} (tried again for ${Math.round(patienceMs / 1000)} s)`);
    logged = words.message;
    if (performance.now() - since > patienceMs) giveUp(words);
  };
}

const again = 'nothing is lost: make room, then run the same command again';

function inWords(error: unknown): TerminalError {
  if (error instanceof TerminalError) return error;
  const message = error instanceof Error ? error.message : String(error);
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (/^(MISCONF|OOM) /.test(message)) {
    const [cause] = message.split(' script: ');
    return new TerminalError('RedisFailed', `Redis has no room for the work in flight (${cause}); ${again}`);
  }
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new TerminalError('StoreFull', `the disk of the data directory is full (${message}); ${again}`);
  }
  return new TerminalError('RunFailed', `the run cannot be moved on: ${message}`, { cause: error });
}

import { readdirSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Crash points by name, for proofs that nothing is lost or doubled. `JOBPULSE_CRASH="<name>=<folder>,…"` kills this
 * process (SIGKILL) whenever it passes the point while a file is left in the folder; each death takes one file away.
 * Without the variable a crash point does nothing.
 */
export function crashPoints(environment: NodeJS.ProcessEnv): (name: string) => void {
  const folders = new Map(
    (environment.JOBPULSE_CRASH ?? '')
      .split(',')
      .filter((entry) => entry.includes('='))
      .map((entry) => [entry.slice(0, entry.indexOf('=')), entry.slice(entry.indexOf('=') + 1)] as const),
  );
  return (name) => {
    const folder = folders.get(name);
    if (folder !== undefined && takeOne(folder)) process.kill(process.pid, 'SIGKILL');
  };
}

/** Removes one file of a folder; of several processes only one gets each. */
function takeOne(folder: string): boolean {
  for (const name of readdirSync(folder)) {
    try {
      unlinkSync(join(folder, name));
      return true;
    } catch {
      // another process was quicker
    }
  }
  return false;
}

import { execFile } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

interface Process {
  readonly pid: number;
  readonly parent: number;
  readonly command: string;
}

/** All processes of this machine that have not ended; those that only wait to be counted by their parent have. */
async function processes(): Promise<readonly Process[]> {
  const { stdout } = await promisify(execFile)('ps', ['-A', '-o', 'pid=,ppid=,stat=,args='], { maxBuffer: 2 ** 26 });
  return stdout.split('\n').flatMap((line) => {
    const [, pid, parent, state, command = ''] = /^\s*(\d+)\s+(\d+)\s+(\S+)\s+(.*)$/.exec(line) ?? [];
    return pid === undefined || state?.startsWith('Z') ? [] : [{ pid: Number(pid), parent: Number(parent), command }];
  });
}

/** The processes that a process started, those that these started, and so on. */
export async function descendants(ancestor: number): Promise<readonly Process[]> {
  const all = await processes();
  const below = (pid: number): Process[] =>
    all.filter(({ parent }) => parent === pid).flatMap((child) => [child, ...below(child.pid)]);
  return below(ancestor);
}

/** Those of some processes that still run after so many seconds; none as soon as none does. */
export async function outliving(known: readonly Process[], seconds: number): Promise<readonly Process[]> {
  const deadline = performance.now() + seconds * 1000;
  for (;;) {
    const now = await processes();
    const left = known.filter((old) => now.some(({ pid, command }) => pid === old.pid && command === old.command));
    if (left.length === 0 || performance.now() > deadline) return left;
    await sleep(50);
  }
}

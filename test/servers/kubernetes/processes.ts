import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { rm } from 'node:fs/promises';

/** What is started, and where its output goes. */
export interface Command {
  readonly program: string;
  readonly args: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  /** A file that standard output and standard error are appended to. */
  readonly output: string;
}

/**
 * Processes that end with the test process, however that ends, and the temporary folder that goes with them.
 *
 * Each one leads a process group of its own, so that what it starts ends with it. A shell waits at the other end of
 * a pipe, holding the list of them; when the pipe closes, because we were killed, it ends them and removes the folder.
 */
export interface Processes {
  start(command: Command): ChildProcess;
  /** Ends a process: SIGTERM, and SIGKILL to all it started if it is still there after the grace. */
  end(child: ChildProcess, graceMs: number): Promise<void>;
  /** Ends all of them at once and removes the folder. */
  stop(): Promise<void>;
}

/**
 * Reads `+ PID` and `- PID`; at the end of its input kills the groups that are left, and removes the folder `$1` and the
 * control groups that are named after it. These are busy until the last of their processes is gone.
 */
const guard = `
left=' '
while read -r sign pid; do
  case $sign in
    +) left="$left$pid " ;;
    -) left="\${left%% $pid *} \${left#* $pid }" ;;
  esac
done
for pid in $left; do kill -s KILL -- "-$pid" 2>/dev/null; done
[ "$left" = ' ' ] || sleep 0.2
rm -rf "$1"
shift
for group in "$@"; do
  for attempt in 1 2 3 4 5 6 7 8 9 10; do
    [ -d "$group" ] || break
    find "$group" -depth -type d -exec rmdir {} + 2>/dev/null || sleep 0.5
  done
done
`;

export function ownProcesses(folder: string, controlGroups: readonly string[] = []): Processes {
  // In a session of its own: Ctrl-C at the terminal ends us, and must not end it before us.
  const guardian = spawn('/bin/sh', ['-c', guard, 'sh', folder, ...controlGroups], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  guardian.unref();
  guardian.stdin.on('error', () => undefined);
  const running = new Set<ChildProcess>();

  const start = ({ program, args, env = process.env, cwd = folder, output }: Command): ChildProcess => {
    const file = openSync(output, 'a');
    const child = spawn(program, args, { cwd, env, detached: true, stdio: ['ignore', file, file] });
    closeSync(file);
    // A program that cannot be started has no pid: that is how the caller sees it.
    child.on('error', () => undefined);
    if (child.pid === undefined) return child;
    const { pid } = child;
    running.add(child);
    guardian.stdin.write(`+ ${pid}\n`);
    child.once('exit', () => {
      signalGroup(pid, 'SIGKILL');
      running.delete(child);
      guardian.stdin.write(`- ${pid}\n`);
    });
    return child;
  };

  const end = async (child: ChildProcess, graceMs: number): Promise<void> => {
    if (child.pid === undefined || !running.has(child)) return;
    const { pid } = child;
    const gone = once(child, 'exit');
    if (graceMs > 0) child.kill('SIGTERM');
    const timer = setTimeout(() => signalGroup(pid, 'SIGKILL'), graceMs);
    await gone;
    clearTimeout(timer);
  };

  return {
    start,
    end,
    stop: async () => {
      await Promise.all([...running].map((child) => end(child, 0)));
      const gone = once(guardian, 'exit');
      guardian.ref();
      guardian.stdin.end();
      await gone;
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Sends a signal to a process and all that it started; whether there was one to get it. */
export function signalGroup(pid: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(-pid, signal);
  } catch {
    return false;
  }
}

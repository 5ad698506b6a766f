import { readdirSync, readFileSync } from 'node:fs';

interface Process {
  readonly pid: number;
  readonly parent: number;
  /** When it began, in ticks since the machine did: a process id may be given again. */
  readonly began: string;
  readonly ticks: number;
}

/** Whether this machine tells what its processes cost. */
export const canWatch = (): boolean => processOf('self') !== undefined;

const ticksPerSecond = 100;
const lookEveryMs = 250;

/**
 * Watches a process and all that are started below it. Returns what tells their processor seconds so far; of a process
 * that ended, what it cost since the last look is not known.
 */
export function watchBusy(pid: number): { readonly seconds: () => number; readonly stop: () => void } {
  const known = new Map<string, Process>();
  const look = () => {
    for (const each of treeOf(pid, known)) known.set(nameOf(each), each);
  };
  const looking = setInterval(look, lookEveryMs);
  return {
    seconds: () => {
      look();
      return [...known.values()].reduce((sum, { ticks }) => sum + ticks, 0) / ticksPerSecond;
    },
    stop: () => clearInterval(looking),
  };
}

const nameOf = ({ pid, began }: Process): string => `${pid} ${began}`;

/** The process, those that are known and still there, and all below them: one whose parent has ended stays. */
function treeOf(root: number, known: ReadonlyMap<string, Process>): readonly Process[] {
  const all = readdirSync('/proc').flatMap((name) => (/^\d+$/.test(name) ? (processOf(name) ?? []) : []));
  const below = Map.groupBy(all, ({ parent }) => parent);
  const found = new Map<number, Process>();
  const add = (each: Process): void => {
    if (found.has(each.pid)) return;
    found.set(each.pid, each);
    below.get(each.pid)?.forEach(add);
  };
  for (const each of all) if (each.pid === root || known.has(nameOf(each))) add(each);
  return [...found.values()];
}

function processOf(pid: string): Process | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name before it may hold anything, blanks and brackets too.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const [parent, user, system, began = ''] = [fields[1], fields[11], fields[12], fields[19]];
    return { pid: Number(pid), parent: Number(parent), began, ticks: Number(user) + Number(system) };
  } catch {
    return undefined; // it has ended
  }
}

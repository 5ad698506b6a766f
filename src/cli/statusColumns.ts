import type { StatusLine } from './status.ts';

/** A column of `jobpulse status`; those that are wide come with `--wide`. */
interface Column {
  readonly head: string;
  readonly wide?: true;
  readonly cell: (line: StatusLine) => string;
}

export const statusColumns: readonly Column[] = [
  { head: 'PIPELINE', cell: ({ pipeline }) => pipeline },
  { head: 'READY', cell: (line) => conditionOf(line, 'Ready')?.status ?? '' },
  { head: 'PHASE', cell: ({ status }) => status?.phase ?? '' },
  { head: 'BACKLOG', cell: ({ status }) => text(status?.backlog) },
  { head: 'WORKERS', wide: true, cell: workers },
  { head: 'SCHEDULE', cell: ({ state }) => state },
  { head: 'NEXT RUN', cell: ({ nextRun }) => nextRun ?? '' },
  { head: 'FRESH UNTIL', wide: true, cell: ({ status }) => status?.freshUntil ?? '' },
  { head: 'RUN', cell: ({ run }) => run?.metadata.name ?? '' },
  { head: 'RUN PHASE', cell: ({ run }) => (run && (run.status?.phase ?? 'Pending')) || '' },
  { head: 'STEPS', cell: steps },
  { head: 'READ', cell: (line) => sum(line, 'read') },
  { head: 'REJECTED', cell: (line) => sum(line, 'rejected') },
  { head: 'ADDED', cell: (line) => sum(line, 'added') },
  { head: 'MODIFIED', cell: (line) => sum(line, 'modified') },
  { head: 'AS OF', wide: true, cell: ({ run }) => run?.status?.asOf ?? '' },
  { head: 'MESSAGE', cell: message },
];

const text = (count: number | undefined): string => (count === undefined ? '' : String(count));

const conditionOf = ({ status }: StatusLine, type: string) =>
  status?.conditions?.find((condition) => condition.type === type);

/** Ready of desired, by pool: stages of one pool show the same workers. */
function workers({ status }: StatusLine): string {
  const pools = (status?.stages ?? []).filter(({ name }) => name !== 'transform');
  return pools.map(({ replicas = 0, desired = 0 }) => `${replicas}/${desired}`).join(' ');
}

function steps({ run }: StatusLine): string {
  if (run === undefined) return '';
  const { total = 0, failed = 0 } = run.status?.steps ?? {};
  return failed > 0 ? `${total} (${failed} failed)` : String(total);
}

function sum({ run }: StatusLine, count: 'read' | 'rejected' | 'added' | 'modified'): string {
  if (run === undefined) return '';
  return String((run.status?.datasets ?? []).reduce((total, dataset) => total + (dataset[count] ?? 0), 0));
}

/** What is wrong with the pipeline, else what its run says. */
function message(line: StatusLine): string {
  const ready = conditionOf(line, 'Ready');
  if (ready?.status === 'False') return `${ready.reason}: ${ready.message}`;
  return line.run?.status?.conditions?.find(({ type }) => type === 'Succeeded')?.message ?? '';
}

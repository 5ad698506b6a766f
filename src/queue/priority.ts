import type { PipelineRunSpec } from '../api/index.ts';

export type Priority = PipelineRunSpec['priority'];

/** What BullMQ is told of a job's priority. */
interface JobOrder {
  readonly lifo?: boolean;
  readonly priority?: number;
}

/**
 * `Normal` is a plain job, which costs BullMQ least. `High` goes to the front of the plain ones, the newest first;
 * after a failed attempt it is as any other. `Low` goes into the list that is looked at when no plain job waits.
 */
const orders: Readonly<Record<Priority, JobOrder>> = { High: { lifo: true }, Normal: {}, Low: { priority: 10 } };

export const orderOf = (priority: Priority): JobOrder => orders[priority];

/** The priority of a job, from its options as BullMQ stores them. */
export function priorityOf(options: string): Priority {
  const { lifo, priority } = JSON.parse(options) as JobOrder;
  if (lifo) return 'High';
  return priority ? 'Low' : 'Normal';
}

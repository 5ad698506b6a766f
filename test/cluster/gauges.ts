import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import type { AuditEntry } from '../servers/kubernetes/audit.ts';
import type { ControllerProcess } from './cluster.ts';

/** What a controller tells of itself: the value of a series, or the sum of all series of that name. */
export type Gauges = (name: string, labels?: Readonly<Record<string, string>>) => number;

/** Reads a controller's metrics. */
export async function gaugesOf({ url }: Pick<ControllerProcess, 'url'>): Promise<Gauges> {
  const scrape = async () => (await fetch(`${url}/metrics`)).text();
  // A counter that is new is zero in two scrapes.
  await scrape();
  await scrape();
  const text = await scrape();
  const series = text.split('\n').flatMap((line) => {
    const [, name = '', labels = '', value = ''] = /^([a-z_]+)(\{.*\})? (\S+)$/.exec(line) ?? [];
    return name === '' ? [] : [{ name, labels, value: Number(value) }];
  });
  return (name, labels = {}) =>
    series
      .filter((each) => each.name === name)
      .filter((each) => Object.entries(labels).every(([key, value]) => each.labels.includes(`${key}="${value}"`)))
      .reduce((sum, { value }) => sum + value, 0);
}

/** Waits until a controller has looked at so many keys at least, and then at nothing for a while. */
export async function settled(
  process: Pick<ControllerProcess, 'url'>,
  atLeast: number,
  timeoutMs = 240_000,
): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  for (let before = -1; Date.now() < deadline; await sleep(calmMs)) {
    const gauges = await gaugesOf(process);
    const count = gauges('jobpulse_reconcile_total');
    if (count === before && count >= atLeast && gauges('jobpulse_work_queue_depth', { state: 'waiting' }) === 0) return;
    before = count;
  }
  throw new Error('the controller does not come to rest');
}

/** Longer than what is put off for a moment, as events and numbers in a status. */
const calmMs = 6_000;

const writing: ReadonlySet<string> = new Set(['create', 'update', 'patch', 'delete', 'deletecollection']);

/** What a user wrote, or tried to; the renewals of its lease apart. */
export const writesOf = (entries: readonly AuditEntry[], user: string): readonly AuditEntry[] =>
  entries.filter((entry) => entry.user === user && writing.has(entry.verb) && entry.resource !== 'leases');

/** How many of each kind: `patch pipelines/status 200` → 12. */
export function tally(entries: readonly AuditEntry[]): Readonly<Record<string, number>> {
  const kind = ({ verb, resource, subresource, code }: AuditEntry) =>
    `${verb} ${resource}${subresource && `/${subresource}`} ${code}`;
  return Object.fromEntries([...Map.groupBy(entries, kind)].map(([key, { length }]) => [key, length]));
}

/** Connections to Redis, but for the one that asks. */
export async function redisConnections(redis: Redis): Promise<number> {
  const list = (await redis.client('LIST')) as string;
  return list.trim().split('\n').length - 1;
}

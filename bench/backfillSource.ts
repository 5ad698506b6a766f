import type { ChildProcess } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { request } from 'undici';
import type { PeriodsLedger } from '../test/servers/periods.ts';
import { startServer } from './apiSource.ts';

/** The days that are asked for. */
export const days = Number(process.env.BENCH_BACKFILL_DAYS ?? 365);
export const dayOf = (at: number): string => new Date(Date.UTC(2025, 0, 1 + at)).toISOString();
/** The source answers as it did then, whenever it is asked. */
export const asOf = '2026-06-01T00:00:00Z';

/** A running source of periods, in a process of its own. */
export interface Source {
  readonly child: ChildProcess;
  readonly url: string;
}

export const startSource = (): Promise<Source> => startServer(join(import.meta.dirname, 'periodsServer.ts'));

/** How often it was asked, by its own count. */
export async function requestsAt({ url }: Source): Promise<number> {
  const { body } = await request(`${url}/ledger`, { reset: true });
  return ((await body.json()) as PeriodsLedger).requests;
}

/** Saves what the source says about each day, a file for a day. */
export async function saveDays({ url }: Source, folder: string): Promise<void> {
  await mkdir(folder);
  for (let at = 0; at < days; at += 1) {
    const query = new URLSearchParams({ since: dayOf(at), until: dayOf(at + 1), asOf });
    const { body } = await request(`${url}/events?${query}`);
    await writeFile(join(folder, `${dayOf(at).slice(0, 10)}.json`), Buffer.from(await body.arrayBuffer()));
  }
}

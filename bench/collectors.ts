import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { rows } from '../src/connectors/duckdb.ts';
import type { Dlt } from './peers/dlt.ts';
import type { Command } from './tree.ts';

/** Where a search is free and each record costs a credit. */
export interface PaidSource {
  readonly url: string;
  readonly key: string;
}

/** Somebody who collects what a search finds, and is started again after it was killed. */
export interface Collector {
  /** All it keeps is in the folder. */
  command(source: PaidSource, folder: string, perSecond?: number): Command;
  /** The ids whose records it has. */
  ids(folder: string): Promise<readonly number[]>;
}

/** Requests under way at a time, of all: those of `limits.concurrency` of the example. */
const concurrency = 4;
/** Of the example: fit for five requests in a second. */
const usualChunk = 50;
/** More than anybody sends, and chunks that so many requests do not finish in a moment. */
const unlimited = { perSecond: 1000, chunk: 500 };

const root = join(import.meta.dirname, '..');

/** The example as a user runs it, with search, records, checks and a table for its readers. */
export const ours: Collector = {
  command({ url, key }, folder, perSecond) {
    const limits = perSecond === undefined ? unlimited : { perSecond, chunk: usualChunk };
    const both = [0, 1].flatMap((at) => [
      `spec.datasets[${at}].extract.rest.baseUrl=${url}`,
      `spec.datasets[${at}].extract.limits.rate.requests=${limits.perSecond}`,
    ]);
    const details = [
      `spec.datasets[1].extract.rest.forEach.chunk=${limits.chunk}`,
      'spec.datasets[1].extract.credits.budget=1000000',
    ];
    const set = [...both, ...details].flatMap((each) => ['--set', each]);
    return {
      program: join(root, 'bin', 'jobpulse'),
      args: ['run', join(root, 'examples', 'coresignal', 'pipeline.yaml'), '--data-dir', folder, ...set],
      env: { CORESIGNAL_API_KEY: key },
    };
  },
  async ids(folder) {
    const instance = await DuckDBInstance.create(join(folder, 'warehouse.duckdb'), { access_mode: 'READ_ONLY' });
    const connection = await instance.connect();
    try {
      return (await rows(connection, 'SELECT job_id FROM coresignal.jobdetails')).map(({ job_id }) => Number(job_id));
    } finally {
      connection.closeSync();
      instance.closeSync();
    }
  },
};

/** What a careful person writes in an afternoon. */
export const bareLoop: Collector = {
  command: ({ url, key }, folder, perSecond = 0) => ({
    program: process.execPath,
    args: [join(import.meta.dirname, 'peers', 'collectLoop.ts'), url, folder, `${concurrency}`, `${perSecond}`],
    env: { CORESIGNAL_API_KEY: key },
  }),
  ids: async (folder) =>
    readFileSync(join(folder, 'records.jsonl'), 'utf8')
      .split('\n')
      .filter(Boolean)
      .map((line) => (JSON.parse(line) as { readonly id: number }).id),
};

/** A transformer of dlt fed by the search, into DuckDB; with a size, in runs that take so many records each. */
export const collectorWith = (dlt: Dlt, perRun = 0): Collector => ({
  command: ({ url, key }, folder, perSecond = 0) => ({
    program: dlt.python,
    args: [join(import.meta.dirname, 'peers', 'dlt_collect.py'), url, folder, `${perSecond}`, `${perRun}`],
    env: { CORESIGNAL_API_KEY: key, EXTRACT__WORKERS: `${concurrency}`, ...dlt.env },
  }),
  // Its DuckDB may be newer than ours.
  ids: async (folder) => (await dlt.run('dlt_collected.py', [folder])) as readonly number[],
});

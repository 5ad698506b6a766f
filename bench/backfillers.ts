import { execFile } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { lakeOf } from '../src/controller/standalone/lake.ts';
import { listManifests } from '../src/lake/lake.ts';
import { asOf, dayOf, days, type Source } from './backfillSource.ts';
import type { Table } from './backfillTable.ts';
import { type Idle, idleOf, type Stretch } from './idle.ts';
import type { Dlt } from './peers/dlt.ts';
import type { Command } from './tree.ts';

/** What is asked for: all days, the same days once more, or the same once more and anew. */
export type Kind = 'first' | 'again' | 'refresh';

/** Somebody who backfills a table from the source, each in a folder of its own. */
export interface Backfiller {
  readonly kinds: readonly Kind[];
  /** What is done before the clock runs. */
  prepare(source: Source, folder: string): Promise<void>;
  /** To be given again until it ends well. */
  command(kind: Kind, source: Source, folder: string): Command;
  table(folder: string): Table;
  /** When no step was under way, where there are steps. */
  idle?(kind: Kind, folder: string, whole: Stretch): Promise<Idle>;
}

const jobpulse = join(import.meta.dirname, '..', 'bin', 'jobpulse');

/** The command line, as somebody uses it on one machine: each command starts Redis and workers, and ends them. */
export const ours: Backfiller = {
  kinds: ['first', 'again', 'refresh'],
  async prepare({ url }, folder) {
    mkdirSync(folder);
    const file = join(folder, 'events.yaml');
    writeFileSync(file, manifestOf(url));
    // Applies the pipeline; there is nothing to load.
    await promisify(execFile)(jobpulse, ['run', file, '--from', 'Load', '--data-dir', join(folder, 'data')]);
  },
  command(kind, _, folder) {
    const period = ['--from-time', dayOf(0), '--to-time', dayOf(days), '--name', kind];
    const more = kind === 'refresh' ? ['--refresh'] : [];
    const args = ['backfill', 'events', ...period, ...more, '--data-dir', join(folder, 'data')];
    return { program: jobpulse, args, env: {} };
  },
  table: (folder) => ({ file: join(folder, 'data', 'warehouse.duckdb'), name: 'events.events' }),
  async idle(kind, folder, whole) {
    const manifests = await listManifests(lakeOf(join(folder, 'data'), 'events'));
    const own = manifests.filter(({ run }) => run === kind);
    const steps = own.map(({ startedAt, finishedAt }) => ({
      ...{ start: Date.parse(startedAt), end: Date.parse(finishedAt) },
    }));
    return idleOf(steps, whole);
  },
};

/** A loop over runs of dlt, each about so many days; it does not know what was done before. */
export const dltBackfiller = (dlt: Dlt, daysOfARun: number): Backfiller => ({
  kinds: ['first', 'again'], // which does all anew
  prepare: async (_, folder) => void mkdirSync(folder),
  command(kind, { url }, folder) {
    const program = join(import.meta.dirname, 'peers', 'dlt_backfill.py');
    const args = [program, url, dayOf(0).slice(0, 10), `${days}`, `${daysOfARun}`, folder, kind];
    return { program: dlt.python, args, env: dlt.env };
  },
  table: (folder) => ({ file: join(folder, 'warehouse.duckdb'), name: 'bench.events' }),
});

const manifestOf = (url: string): string => `
apiVersion: jobpulse.dev/v1alpha1
kind: Pipeline
metadata: {name: events}
spec:
  datasets:
    - name: events
      key: [id]
      version: revision
      extract:
        window: {start: "${dayOf(0)}", every: 1d}
        rest:
          baseUrl: ${url}
          path: /events
          query: {since: "{{ slice.start }}", until: "{{ slice.end }}", asOf: "${asOf}"}
      format: {json: {records: "$[*]"}}
      clean:
        columns:
          - {name: id, type: string, from: $.id, required: true}
          - {name: at, type: timestamp, from: $.at, required: true}
          - {name: state, type: string, from: $.state}
          - {name: revision, type: integer, from: $.revision}
      load: {mode: Merge}
`;

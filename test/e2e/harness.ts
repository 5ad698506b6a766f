import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { zstdDecompressSync } from 'node:zlib';
import { DuckDBInstance } from '@duckdb/node-api';
import { onTestFinished } from 'vitest';
import { type Row, rows } from '../../src/connectors/duckdb.ts';
import { namespace } from '../../src/controller/standalone/namespace.ts';
import { openResources } from '../../src/controller/standalone/resources.ts';
import type { DatasetReport, RunReport } from '../../src/run/report.ts';
import type { UsajobsDouble } from '../servers/usajobs/double.ts';

export const root = join(import.meta.dirname, '..', '..');
export const usajobsManifest = join(root, 'examples', 'usajobs', 'pipeline.yaml');

/** A folder that is removed when the test ends. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'jobpulse-e2e-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));
  return folder;
}

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Starts the command line as a user would, with nothing of this process's settings but PATH and HOME. */
export function start(
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): { child: ChildProcess; ended: Promise<Ended> } {
  const { PATH, HOME } = process.env;
  const child = spawn(join(root, 'bin', 'jobpulse'), args, {
    env: { PATH, HOME, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = Promise.all([once(child, 'exit'), text(child.stdout), text(child.stderr)]).then(
    ([[code], stdout, stderr]): Ended => ({ code: code as number | null, stdout, stderr }),
  );
  return { child, ended };
}

export const jobpulse = (args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Ended> =>
  start(args, env).ended;

/** The environment in which the double lets us in. */
export const secretsOf = ({ key, agent }: Pick<UsajobsDouble, 'key' | 'agent'>): NodeJS.ProcessEnv => ({
  USAJOBS_API_KEY: key,
  USAJOBS_USER_AGENT: agent,
});

/** Arguments of a run of the usajobs example against a double. */
export const usajobsRun = (
  double: Pick<UsajobsDouble, 'url'>,
  dataDir: string,
  ...more: readonly string[]
): string[] => [
  'run',
  usajobsManifest,
  ...['--data-dir', dataDir],
  ...['--set', `spec.datasets[0].extract.rest.baseUrl=${double.url}`],
  ...['-o', 'json'],
  ...more,
];

/** Runs the usajobs example and returns its report; fails the test if it ends with anything but 0 or 3. */
export async function runUsajobs(
  double: UsajobsDouble,
  dataDir: string,
  ...more: readonly string[]
): Promise<RunReport> {
  const ended = await jobpulse(usajobsRun(double, dataDir, ...more), secretsOf(double));
  if (ended.code !== 0 && ended.code !== 3) throw new Error(`exit ${ended.code}\n${ended.stdout}\n${ended.stderr}`);
  return JSON.parse(ended.stdout) as RunReport;
}

/** The one dataset of a report. */
export function onlyDataset({ datasets }: RunReport): DatasetReport {
  const [dataset] = datasets;
  if (!dataset || datasets.length !== 1) throw new Error(`expected one dataset, found ${datasets.length}`);
  return dataset;
}

/** How all runs of a data directory stand. */
export const phasesOf = async (dataDir: string): Promise<readonly string[]> =>
  (await openResources(dataDir, namespace).runs.list()).map(({ status }) => status?.phase ?? 'Pending').sort();

/** Asks the warehouse of a data directory whose owner has ended. */
export async function ask(dataDir: string, sql: string): Promise<Row[]> {
  const instance = await DuckDBInstance.create(join(dataDir, 'warehouse.duckdb'), { access_mode: 'READ_ONLY' });
  const connection = await instance.connect();
  try {
    return await rows(connection, sql);
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

/** Files below a folder that hold a text, as they are or when decompressed. */
export function filesWith(folder: string, text: string): string[] {
  const files = execFileSync('find', [folder, '-type', 'f'], { encoding: 'utf8' }).trim().split('\n');
  return files.filter((file) => {
    const bytes = readFileSync(file);
    return bytes.includes(text) || (file.endsWith('.zst') && zstdDecompressSync(bytes).includes(text));
  });
}

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { pino } from 'pino';
import { afterAll } from 'vitest';
import type { z } from 'zod';
import { clean as cleanSchema } from '../../../src/api/clean.ts';
import { format as formatSchema } from '../../../src/api/format.ts';
import { literal, type Row, rows } from '../../../src/connectors/duckdb.ts';
import { filesystemStore } from '../../../src/connectors/stores/filesystem.ts';
import type { Lake } from '../../../src/lake/lake.ts';
import { putRaw } from '../../../src/lake/raw.ts';
import type { CleanSpec } from '../../../src/run/specs.ts';
import type { CleanLedger, FileRef, Manifest, StepResult } from '../../../src/run/types.ts';
import { clean } from '../../../src/workers/clean.ts';
import type { StageContext } from '../../../src/workers/stage.ts';
import { localLimits } from '../../connectors/http/localLimits.ts';

/** A dataset as a manifest writes it, and what its source sent. */
export interface Dataset {
  readonly format: z.input<typeof formatSchema>;
  readonly clean: z.input<typeof cleanSchema>;
  readonly key?: readonly string[];
  readonly version?: string;
  readonly seen?: boolean;
  /** Value of the key of pseudonyms. */
  readonly pseudonymKey?: string;
  readonly bodies: readonly (string | Buffer)[];
}

export interface Cleaned {
  readonly ledger: CleanLedger;
  readonly result: StepResult;
  /** Declared columns and provenance, in the order of the files. */
  readonly rows: readonly Row[];
  readonly quarantine: readonly Quarantined[];
  readonly notices: readonly string[];
  /** Keys of all records, null where one cannot be read. */
  readonly seen: readonly (string | null)[];
}

export interface Quarantined {
  readonly key: string | null;
  readonly record: unknown;
  readonly row: number;
  /** `<column>:<rule>:<found>` */
  readonly reasons: readonly string[];
}

const roots: string[] = [];
afterAll(() => Promise.all(roots.map((root) => rm(root, { recursive: true, force: true }))));

/** A folder that is removed when the tests of a file are over; its name is as odd as people's folders are. */
export async function temporaryFolder(): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), "clean [it's] 100% a*? "));
  roots.push(root);
  return root;
}

/** Stores the bodies as an extract step would and runs the clean stage over them. */
export async function cleaned(dataset: Dataset): Promise<Cleaned> {
  const root = await temporaryFolder();
  const lake: Lake = { store: filesystemStore(join(root, 'lake')), pipeline: 'default/made-up' };
  const input = await extracted(lake, dataset.bodies);
  return readBack(root, await runClean(root, lake, [input], dataset));
}

/** The clean stage alone. */
export async function runClean(
  root: string,
  lake: Lake,
  inputs: readonly Manifest[],
  { format, clean: rules, key = [], version, seen = false, pseudonymKey }: Omit<Dataset, 'bodies'>,
  more: Partial<StageContext<CleanSpec>> = {},
): Promise<StepResult> {
  const scratch = await mkdtemp(join(root, 'scratch-'));
  const spec: CleanSpec = {
    stage: 'Clean',
    dataset: 'postings',
    key,
    ...(version === undefined ? {} : { version }),
    format: formatSchema.parse(format),
    clean: cleanSchema.parse(rules),
    timeZone: 'UTC',
    seen,
    ...(pseudonymKey !== undefined && { pseudonymKey: { name: 'registry', key: 'person-key' } }),
  };
  return clean({
    step: { key: 'k', stage: 'Clean', dataset: 'postings', slice, part: '0', spec: '', inputs: [] },
    spec,
    inputs,
    run: { name: 'another-run', asOf: '2030-01-01T00:00:00.000Z' },
    lake,
    scratch,
    signal: new AbortController().signal,
    secret: ({ key }) => (key === 'person-key' ? pseudonymKey : undefined),
    allowPrivateNetworks: false,
    limits: localLimits(),
    shared: lake.store,
    filesRoot: root,
    crashPoint: () => undefined,
    progress: () => undefined,
    log: pino({ enabled: false }),
    ...more,
  });
}

const slice = { asOf: '2026-11-20T06:00:00.000Z', params: '7c1e0000' };

/** The manifest of an extract step that brought these bodies. */
export async function extracted(
  lake: Lake,
  bodies: readonly (string | Buffer)[],
  extension = 'txt',
): Promise<Manifest> {
  const files: FileRef[] = [];
  for (const [index, body] of bodies.entries()) {
    const facts = { uri: `https://source.test/${index}`, status: 200, fetchedAt: '2026-11-20T06:00:01.500Z' };
    const raw = await putRaw(lake, 'raw/postings/2026-11-20/key', index, extension, Buffer.from(body), () => facts);
    files.push({ path: raw.path, bytes: raw.storedBytes, sha256: raw.meta.sha256 });
  }
  return {
    ...{ v: 1, key: 'key', stage: 'Extract', dataset: 'postings', run: 'made-up-1', epoch: 1, slice, part: '0' },
    ...{ spec: '', inputs: [], complete: true, schema: [], versions: {}, startedAt: '', finishedAt: '' },
    ledger: { listed: 0, fetched: 0, skippedKnown: 0, gone: 0, failed: 0, deferred: 0 },
    partitions: [{ values: {}, rows: 0, rowsHash: '', files }],
    cost: { requests: 0, bytes: 0, credits: 0 },
  };
}

async function readBack(root: string, result: StepResult): Promise<Cleaned> {
  const files = (result.partitions ?? []).flatMap((partition) => partition.files);
  const quarantine = await parquet(root, result.quarantine ?? []);
  return {
    result,
    ledger: result.ledger as CleanLedger,
    rows: await parquet(root, files),
    quarantine: quarantine.map((row) => ({
      key: row._key as string | null,
      record: JSON.parse(String(row.record)),
      row: Number(row._source_row),
      reasons: (JSON.parse(String(row.reasons)) as { column: string | null; rule: string; found: string | null }[]).map(
        ({ column, rule, found }) => `${column ?? ''}:${rule}:${found ?? ''}`,
      ),
    })),
    notices: (result.notices ?? []).map(({ reason, message }) => `${reason}: ${message}`),
    seen: (await parquet(root, result.seen ?? [])).map(({ _key }) => _key as string | null),
  };
}

/** All rows of Parquet files of the lake below a test's folder. */
export async function parquet(root: string, files: readonly FileRef[], select = '*'): Promise<Row[]> {
  if (files.length === 0) return [];
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  try {
    const paths = files.map(({ path }) => literal(join(root, 'lake', path)));
    return await rows(
      connection,
      `SELECT ${select} FROM read_parquet([${paths.join(', ')}], hive_partitioning = false)`,
    );
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

/**
 * What becomes of single values in a column `v`: the typed value, or `rule` when it was refused.
 * Values come as JSON lines, so that they can be texts, numbers, lists and objects.
 */
export async function valuesOf(
  column: Omit<z.input<typeof cleanSchema>['columns'][number], 'name'>,
  values: readonly unknown[],
  more: Partial<Dataset['clean']> = {},
): Promise<unknown[]> {
  const columns = [
    { name: 'n', type: 'integer', from: '$.n' },
    { name: 'v', ...(column.sql === undefined && { from: '$.v' }), ...column },
  ];
  const bodies = [values.map((v, n) => JSON.stringify({ n, v })).join('\n')];
  const { rows, quarantine } = await cleaned({
    format: { jsonl: {} },
    key: ['n'],
    clean: { ...more, columns },
    bodies,
  });
  const kept = new Map(rows.map((row) => [row.n, row.v]));
  const refused = new Map(
    quarantine.map(({ key, reasons }) => [key, reasons.map((reason) => reason.split(':')[1]).join()]),
  );
  return values.map((_, n) => (kept.has(n) ? kept.get(n) : `✗ ${refused.get(`["${n}"]`)}`));
}

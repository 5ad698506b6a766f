import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { pipeline as pipelineSchema } from '../src/api/index.ts';
import { unlimited } from '../src/connectors/http/limiter.ts';
import { filesystemStore } from '../src/connectors/stores/filesystem.ts';
import { createLogger } from '../src/observability/log.ts';
import type { ExtractSpec } from '../src/run/specs.ts';
import { extract } from '../src/workers/extract.ts';
import { type Comparison, compare, timed } from './compare.ts';

const pages = 12;
const megabytes = 4;

/** A paged API read by our extract stage, against a bare loop that saves the same bytes. */
export async function paging(): Promise<Comparison[]> {
  const results: Comparison[] = [];
  for (const delay of [0, 20, 100]) {
    const { child, url } = await startServer(delay);
    const folder = mkdtempSync(join(tmpdir(), 'jobpulse-bench-'));
    let runs = 0;
    results.push(
      await compare(
        `${pages} pages of ${megabytes} MB, ${delay} ms each, against a bare loop that saves them`,
        'seconds ≤ 1.10 of theirs',
        5,
        () => timed(() => extractAll(url, join(folder, `ours${runs++}`))),
        () => timed(() => bareLoop(url, join(folder, `theirs${runs++}`))),
        (a, b) => a / b,
      ),
    );
    child.kill();
    rmSync(folder, { recursive: true });
  }
  return results;
}

async function bareLoop(url: string, folder: string): Promise<void> {
  await mkdir(folder);
  for (let page = 1; page <= pages; page += 1) {
    const response = await fetch(`${url}/jobs?page=${page}&size=500`);
    await writeFile(join(folder, `${page}.json`), Buffer.from(await response.arrayBuffer()));
  }
}

async function extractAll(url: string, folder: string): Promise<void> {
  const slice = { asOf: '2026-01-01T00:00:00.000Z', params: '' };
  const result = await extract({
    step: { key: 'k', stage: 'Extract', dataset: 'jobs', slice, part: '0', spec: '', inputs: [] },
    spec: specFor(url),
    inputs: [],
    run: { name: 'bench', asOf: slice.asOf },
    lake: { store: filesystemStore(folder), pipeline: 'default/bench' },
    scratch: folder,
    signal: new AbortController().signal,
    secret: () => undefined,
    allowPrivateNetworks: true,
    limits: { limiter: () => unlimited },
    shared: filesystemStore(folder),
    filesRoot: folder,
    crashPoint: () => undefined,
    progress: () => undefined,
    log: createLogger({ level: 'error' }),
  });
  if (!result.complete) throw new Error('not all pages were read');
}

function specFor(baseUrl: string): ExtractSpec {
  const { spec } = pipelineSchema.parse({
    apiVersion: 'jobpulse.dev/v1alpha1',
    kind: 'Pipeline',
    metadata: { name: 'bench' },
    spec: {
      datasets: [
        {
          name: 'jobs',
          key: ['id'],
          extract: {
            rest: {
              baseUrl,
              path: '/jobs',
              paging: { page: { param: 'page', sizeParam: 'size', size: 500 }, total: { path: '$.total' } },
            },
          },
          format: { json: { records: '$.items[*]' } },
          clean: { columns: [{ name: 'id', type: 'integer', from: '$.id' }] },
          load: {},
        },
      ],
    },
  });
  const [dataset] = spec.datasets;
  if (!dataset) throw new Error('the schema dropped the dataset');
  const { extract, format } = dataset;
  return { stage: 'Extract', dataset: 'jobs', extract, format, params: {}, part: { pages: 100, files: 1 } };
}

async function startServer(delay: number): Promise<{ child: ChildProcess; url: string }> {
  const args = [join(import.meta.dirname, 'pageServer.ts'), String(pages), String(megabytes), String(delay)];
  const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  for await (const port of createInterface({ input: child.stdout })) return { child, url: `http://127.0.0.1:${port}` };
  throw new Error('the page server ended before it was ready');
}

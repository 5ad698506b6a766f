import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { filesystemStore } from '../src/connectors/stores/filesystem.ts';
import { type Comparison, compare, timed } from './compare.ts';
import { extractAll } from './extractAll.ts';

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
        () => timed(() => oursInto(url, join(folder, `ours${runs++}`))),
        () => timed(() => bareLoop(url, join(folder, `theirs${runs++}`))),
        (a, b) => a / b,
      ),
    );
    child.kill();
    rmSync(folder, { recursive: true });
  }
  return results;
}

function oursInto(baseUrl: string, folder: string): Promise<void> {
  const paging = { page: { param: 'page', sizeParam: 'size', size: 500 }, total: { path: '$.total' } };
  const asked = { rest: { baseUrl, path: '/jobs', paging }, records: '$.items[*]' };
  return extractAll(asked, { store: filesystemStore(folder), scratch: folder });
}

async function bareLoop(url: string, folder: string): Promise<void> {
  await mkdir(folder);
  for (let page = 1; page <= pages; page += 1) {
    const response = await fetch(`${url}/jobs?page=${page}&size=500`);
    await writeFile(join(folder, `${page}.json`), Buffer.from(await response.arrayBuffer()));
  }
}

async function startServer(delay: number): Promise<{ child: ChildProcess; url: string }> {
  const args = [join(import.meta.dirname, 'pageServer.ts'), String(pages), String(megabytes), String(delay)];
  const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  for await (const port of createInterface({ input: child.stdout })) return { child, url: `http://127.0.0.1:${port}` };
  throw new Error('the page server ended before it was ready');
}

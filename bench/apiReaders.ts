import { readdirSync, readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { zstdDecompressSync } from 'node:zlib';
import { Client } from 'undici';
import { filesystemStore } from '../src/connectors/stores/filesystem.ts';
import type { Source } from './apiSource.ts';
import { processorTime, timed } from './compare.ts';
import { type Asked, extractAll } from './extractAll.ts';
import type { Dlt } from './peers/dlt.ts';

export const pages = 20;
/** A multiple of the pages; the source serves 10,000 rows of a search and no more. */
export const postings = Number(process.env.BENCH_API_POSTINGS ?? 10_000);
export const pageSize = postings / pages;
const search = {
  ...{ Keyword: 'data engineering', LocationName: 'Chicago, Illinois' },
  ...{ RemunerationMinimumAmount: '100000', Fields: 'Full' },
};
const query = { ...search, ResultsPerPage: String(pageSize) };

/** Somebody who reads all pages into a folder; tells what that took and which ids came. */
export type Reader = (source: Source, folder: string) => Promise<Taken & { readonly ids: readonly string[] }>;

export interface Taken {
  readonly seconds: number;
  /** Of a processor: neighbours on the machine disturb it less than the clock. */
  readonly busy: number;
}

/** Our extract stage, into a lake. */
export async function ours(source: Source, folder: string) {
  const store = filesystemStore(join(folder, 'lake'));
  const scratch = join(folder, 'scratch');
  await mkdir(scratch);
  const secret = ({ key }: { readonly key: string }) => (key === 'api-key' ? source.key : source.agent);
  const taken = await measured(() => extractAll(askedOf(source.url), { store, scratch, secret }));
  const ids: string[] = [];
  for await (const { path } of store.list('raw')) {
    if (path.endsWith('.zst')) ids.push(...idsIn(zstdDecompressSync((await store.get(path)) ?? '').toString('utf8')));
  }
  return { ...taken, ids };
}

/** One request after the other, tried again as the source says: what a careful person writes in an hour. */
export async function bareLoop({ url, key, agent }: Source, folder: string) {
  const client = new Client(url);
  const taken = await measured(async () => {
    for (let page = 1; page <= pages; page += 1) {
      for (let tried = 0; ; tried += 1) {
        const response = await client.request({
          ...{ method: 'GET', path: `/api/Search?${new URLSearchParams({ ...query, Page: String(page) })}` },
          headers: { 'authorization-key': key, 'user-agent': agent },
        });
        const bytes = Buffer.from(await response.body.arrayBuffer());
        if (response.statusCode === 200) {
          await writeFile(join(folder, `${page}.json`), bytes);
          break;
        }
        if (tried === 10) throw new Error(`page ${page} was not answered`);
        await sleep(1000 * Number(response.headers['retry-after'] ?? 1));
      }
    }
  });
  await client.close();
  return { ...taken, ids: readdirSync(folder).flatMap((name) => idsIn(readFileSync(join(folder, name), 'utf8'))) };
}

/** A pipeline of dlt, into JSON lines. */
export const readerWith =
  (dlt: Dlt): Reader =>
  async ({ url, key, agent }, folder) => {
    const taken = (await dlt.run('dlt_api.py', [url, key, agent, String(pageSize), folder])) as Taken;
    const table = join(folder, 'out', 'bench', 'postings');
    const lines = readdirSync(table).flatMap((name) =>
      readFileSync(join(table, name), 'utf8').split('\n').filter(Boolean),
    );
    return {
      ...taken,
      ids: lines.map((line) => (JSON.parse(line) as { matched_object_id: string }).matched_object_id),
    };
  };

const idsIn = (body: string): string[] => {
  const { SearchResult } = JSON.parse(body) as { SearchResult: { SearchResultItems: { MatchedObjectId: string }[] } };
  return SearchResult.SearchResultItems.map(({ MatchedObjectId }) => MatchedObjectId);
};

async function measured(work: () => Promise<unknown>): Promise<Taken> {
  let seconds = 0;
  const busy = await processorTime(async () => {
    seconds = await timed(work);
  });
  return { seconds, busy };
}

function askedOf(baseUrl: string): Asked {
  const secret = (name: string, key: string) => ({ name, valueFrom: { secretKeyRef: { name: 'usajobs', key } } });
  return {
    rest: {
      ...{ baseUrl, path: '/api/Search', query: search },
      headers: [secret('Authorization-Key', 'api-key'), secret('User-Agent', 'user-agent')],
      paging: {
        page: { param: 'Page', first: 1, sizeParam: 'ResultsPerPage', size: pageSize },
        total: { path: '$.SearchResult.SearchResultCountAll' },
      },
    },
    records: '$.SearchResult.SearchResultItems[*]',
  };
}

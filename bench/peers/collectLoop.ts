/**
 * A client without anything around it: searches, then collects what it has not, a line of JSON for each record.
 * `collectLoop.ts <url> <folder> <requests at a time> <requests in a second, 0 = any>`.
 */
import { appendFileSync, existsSync, readFileSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Pool } from 'undici';

const [url = '', folder = '', concurrency = '', perSecond = ''] = process.argv.slice(2);
const file = join(folder, 'records.jsonl');
const headers = { apikey: process.env.CORESIGNAL_API_KEY ?? '', 'content-type': 'application/json' };
const search = {
  ...{ application_active: true, last_updated_gte: '2024-12-01 00:00:01', country: 'United States' },
  ...{ title: '(Program manager) AND (Remote)', deleted: 0, industry: 'Software development' },
};
const mostTries = 10;

const pool = new Pool(url, { connections: Number(concurrency) });
/** A little longer than it must be: requests do not all take the same time to arrive. */
const gapMs = Number(perSecond) === 0 ? 0 : 1050 / Number(perSecond);
let next = 0;

const had = known();
const open = (await found()).filter((id) => !had.has(id));
await Promise.all(Array.from({ length: Number(concurrency) }, collectRest));
await pool.close();

async function collectRest(): Promise<void> {
  for (let id = open.shift(); id !== undefined; id = open.shift()) {
    const { body } = await ask('GET', `/cdapi/v2/job_base/collect/${id}`);
    appendFileSync(file, `${body}\n`);
  }
}

/** Ids of the records that are there; half a line at the end is none. */
function known(): Set<number> {
  const text = existsSync(file) ? readFileSync(file, 'utf8') : '';
  const whole = text.slice(0, text.lastIndexOf('\n') + 1);
  if (whole.length < text.length) truncateSync(file, Buffer.byteLength(whole));
  return new Set(
    whole
      .split('\n')
      .filter(Boolean)
      .map((line) => (JSON.parse(line) as { readonly id: number }).id),
  );
}

async function found(): Promise<number[]> {
  const all: number[] = [];
  for (let after: string | undefined = ''; after !== undefined; ) {
    const query = new URLSearchParams({ items_per_page: '1000', ...(after === '' ? {} : { after }) });
    const page = await ask('POST', `/cdapi/v2/job_base/search/filter?${query}`, JSON.stringify(search));
    all.push(...(JSON.parse(page.body) as number[]));
    after = page.next;
  }
  return all;
}

async function ask(method: 'GET' | 'POST', path: string, content?: string) {
  for (let tried = 1; ; tried += 1) {
    await turn();
    const response = await pool.request({ method, path, headers, ...(content === undefined ? {} : { body: content }) });
    const body = await response.body.text();
    if (response.statusCode === 200) return { body, next: response.headers['x-next-page-after']?.toString() };
    if (response.statusCode !== 429 || tried === mostTries) throw new Error(`${path}: ${response.statusCode} ${body}`);
    await sleep(1000 * tried);
  }
}

/** Requests are sent a fixed time apart. */
async function turn(): Promise<void> {
  if (gapMs === 0) return;
  const now = performance.now();
  const at = Math.max(now, next);
  next = at + gapMs;
  if (at > now) await sleep(at - now);
}

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { startUsajobs, type UsajobsDouble } from './usajobs/double.ts';
import { usualSearch } from './usajobs/search.ts';

interface Source {
  readonly url: string;
  readonly key: string;
  readonly agent: string;
}
interface Result {
  readonly SearchResultCountAll: number;
  readonly SearchResultItems: readonly { readonly MatchedObjectId: string }[];
}

function get(source: Source, page = 1, signal?: AbortSignal): Promise<Response> {
  const params = new URLSearchParams({ ...usualSearch, Page: String(page), ResultsPerPage: '20' });
  const headers = { 'Authorization-Key': source.key, 'User-Agent': source.agent };
  return fetch(`${source.url}/api/Search?${params}`, { headers, ...(signal && { signal }) });
}

async function search(source: Source, page = 1): Promise<{ ids: string[]; total: number }> {
  const { SearchResult } = (await (await get(source, page)).json()) as { SearchResult: Result };
  const ids = SearchResult.SearchResultItems.map(({ MatchedObjectId }) => MatchedObjectId);
  return { ids, total: SearchResult.SearchResultCountAll };
}

describe('a source that misbehaves', () => {
  let double: UsajobsDouble;
  beforeEach(async () => {
    double = await startUsajobs({ seed: 7, postings: 60 });
  });
  afterEach(async () => {
    await double.close();
  });

  test('fails the next requests with a status and says when to come back', async () => {
    double.fail(2, { kind: 'Status', status: 429, retryAfter: '3' });
    const answers = [await get(double), await get(double), await get(double)];
    expect(answers.map(({ status }) => status)).toEqual([429, 429, 200]);
    expect(answers.map(({ headers }) => headers.get('retry-after'))).toEqual(['3', '3', null]);
    expect(double.ledger().requests.map(({ fault }) => fault)).toEqual(['Status', 'Status', undefined]);
  });

  test('fails on one page only', async () => {
    double.fail(1, { kind: 'Status', status: 500 }, 2);
    const statuses = [];
    for (const page of [1, 2, 2]) statuses.push((await get(double, page)).status);
    expect(statuses).toEqual([200, 500, 200]);
  });

  test('answers HTML where JSON was asked for', async () => {
    double.fail(1, { kind: 'Html' });
    const response = await get(double);
    expect(response.headers.get('content-type')).toContain('text/html');
    expect(await response.text()).toContain('<html>');
  });

  test('ends its JSON in the middle of a complete answer', async () => {
    double.fail(1, { kind: 'Short' });
    const response = await get(double);
    expect(response.status).toBe(200);
    await expect(response.json()).rejects.toThrow(SyntaxError);
  });

  test('breaks the connection in the middle of the body', async () => {
    double.fail(1, { kind: 'Cut' });
    await expect(get(double).then((response) => response.text())).rejects.toThrow();
    expect(double.distinctIds()).toEqual([]);
  });

  test('keeps silent until the client gives up', async () => {
    double.fail(1, { kind: 'Hang' });
    await expect(get(double, 1, AbortSignal.timeout(200))).rejects.toThrow(/timeout/i);
    expect(double.ledger().requests.map(({ status }) => status)).toEqual([0]);
  });

  test('is slow', async () => {
    double.behave({ latencyMs: 150 });
    const before = performance.now();
    await search(double);
    expect(performance.now() - before).toBeGreaterThan(140);
  });

  test('repeats its first page, with an honest total or for ever', async () => {
    double.behave({ repeat: 'Honest' });
    const honest = [await search(double, 1), await search(double, 3)];
    expect(honest[1]).toEqual(honest[0]);
    double.behave({ repeat: 'Endless' });
    const { ids, total } = await search(double, 50);
    expect(ids).toEqual(honest[0]?.ids);
    expect(total).toBe(51 * 20);
  });

  test('serves half of its rows, with an honest total or that of the half', async () => {
    const served = async () => {
      const pages = [await search(double, 1), await search(double, 2), await search(double, 3)];
      return { rows: pages.flatMap(({ ids }) => ids).length, total: pages[0]?.total };
    };
    double.behave({ half: 'Honest' });
    expect(await served()).toEqual({ rows: 30, total: 60 });
    double.behave({ half: 'Shrunken' });
    expect(await served()).toEqual({ rows: 30, total: 30 });
  });

  test('changes its order between pages, so that rows repeat and rows are missed', async () => {
    double.behave({ drift: 3 });
    const pages = [await search(double, 1), await search(double, 2), await search(double, 3)];
    const seen = pages.flatMap(({ ids }) => ids);
    expect(seen).toHaveLength(60);
    expect(new Set(seen).size).toBe(54);
    expect(pages.map(({ total }) => total)).toEqual([60, 60, 60]);
  });

  test('behaves well again after a reset', async () => {
    const usual = await search(double, 2);
    double.behave({ repeat: 'Endless', half: 'Shrunken' });
    double.fail(5, { kind: 'Html' });
    double.reset();
    expect(await search(double, 2)).toEqual(usual);
    expect(double.ledger().requests).toHaveLength(1);
  });
});

describe('the double as a process', () => {
  const main = new URL('usajobs/main.ts', import.meta.url).pathname;
  let child: ChildProcess;
  let source: Source;

  beforeEach(async () => {
    const args = [main, '--seed', '7', '--postings', '60', '--with-parent'];
    const started = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    child = started;
    const ended = once(started, 'exit').then(() =>
      Promise.reject(new Error('the double ended before it said its URL')),
    );
    const [line] = await Promise.race([once(createInterface(started.stdout), 'line'), ended]);
    source = JSON.parse(line) as Source;
  });
  afterEach(() => {
    child.kill('SIGKILL');
  });

  const post = (name: string, body: unknown): Promise<Response> =>
    fetch(`${source.url}/_control/${name}`, { method: 'POST', body: JSON.stringify(body) });
  const view = async <Body>(name: string): Promise<Body> =>
    (await (await fetch(`${source.url}/_control/${name}`)).json()) as Body;

  test('is steered and read over HTTP', async () => {
    const [first, second] = await view<{ id: string }[]>('found');
    expect((await post('change-pay', { id: first?.id, minimum: 120_000, maximum: 130_000 })).status).toBe(200);
    expect((await post('remove', { id: second?.id })).status).toBe(200);
    expect(((await (await post('add', { count: 3 })).json()) as { ids: string[] }).ids).toHaveLength(3);
    expect((await post('new-day', {})).status).toBe(200);
    expect((await search(source)).total).toBe(62);
    expect((await post('fail', { requests: 1, fault: { kind: 'Status', status: 503 } })).status).toBe(200);
    expect((await get(source)).status).toBe(503);
    expect((await post('behave', { half: 'Shrunken' })).status).toBe(200);
    expect((await search(source)).total).toBe(31);
    const ledger = await view<{ requests: { status: number }[]; distinctIds: string[] }>('ledger');
    expect(ledger.requests.map(({ status }) => status)).toEqual([200, 503, 200]);
    expect(ledger.distinctIds.length).toBeGreaterThanOrEqual(20);
  });

  test('says what is wrong with a command', async () => {
    expect((await post('explode', {})).status).toBe(404);
    expect((await post('remove', { id: 'nobody' })).status).toBe(400);
    expect((await post('fail', { requests: 0, fault: { kind: 'Html' } })).status).toBe(400);
    expect((await post('behave', { half: 'Maybe' })).status).toBe(400);
  });

  test('ends when it is told to', async () => {
    child.kill('SIGTERM');
    expect(await once(child, 'exit')).toEqual([0, null]);
  });

  test('ends with whoever started it', async () => {
    child.stdin?.end();
    expect(await once(child, 'exit')).toEqual([0, null]);
  });
});

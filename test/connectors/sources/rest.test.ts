import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { listRaw, readRaw, readRawMeta } from '../../../src/lake/raw.ts';
import type { ExtractLedger, Manifest, StepResult } from '../../../src/run/types.ts';
import { extract } from '../../../src/workers/extract.ts';
import { type Received, serve, type TestServer } from '../http/server.ts';
import { Bench, manifestOf, type Setting } from './context.ts';

let bench: Bench;
const servers: TestServer[] = [];
beforeEach(async () => {
  bench = await Bench.open();
});
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
  await bench.close();
});

async function server(answer: Parameters<typeof serve>[0]): Promise<TestServer> {
  const started = await serve(answer);
  servers.push(started);
  return started;
}

const pageOf = ({ path }: Received): number => Number(new URL(path, 'http://x').searchParams.get('page'));

/** An API of numbered pages over `ids`, which may clamp the page size and hide the total. */
const paged = (ids: readonly number[], { size = 10, total = true as boolean | number } = {}) =>
  server((request, response) => {
    const at = (pageOf(request) - 1) * size;
    const items = ids.slice(at, at + size).map((id) => ({ id }));
    const count = total === true ? ids.length : total;
    response
      .setHeader('content-type', 'application/json')
      .end(JSON.stringify({ items, ...(total === false ? {} : { count }) }));
  });

const range = (length: number): number[] => Array.from({ length }, (_, id) => id);

type Rest = NonNullable<Setting['extract']['rest']>;
const paging = { page: { param: 'page', sizeParam: 'size', size: 10 }, total: { path: '$.count' } };
const noTotal = { page: paging.page };

async function run(url: string, rest: Partial<Rest> = {}, setting: Partial<Setting> = {}): Promise<StepResult> {
  return extract(
    await bench.context({ ...setting, extract: { rest: { baseUrl: url, path: '/search', paging, ...rest } } }),
  );
}

const ledgerOf = (result: StepResult) => result.ledger as ExtractLedger;
const filesOf = (result: StepResult) => result.partitions?.[0]?.files ?? [];
/** What two attempts must agree on. */
const digested = ({ ledger, partitions, source, complete }: StepResult) => ({ ledger, partitions, source, complete });
const idsIn = async (result: StepResult): Promise<number[]> => {
  const bodies = await Promise.all(filesOf(result).map(({ path }) => readRaw(bench.lake, path)));
  return bodies.flatMap((body) =>
    (JSON.parse(body.toString()) as { items: { id: number }[] }).items.map(({ id }) => id),
  );
};

describe('one part of a paged API', () => {
  test('all pages are stored verbatim, in order, and everything is accounted for', async () => {
    const { url, received } = await paged(range(25));
    const result = await run(url);
    expect(await idsIn(result)).toEqual(range(25));
    expect(result.ledger).toEqual({ listed: 25, fetched: 25, skippedKnown: 0, gone: 0, failed: 0, deferred: 0 });
    expect(result).toMatchObject({ complete: true, source: { total: 25 }, cost: { requests: 3, credits: 0 } });
    expect(result.source).not.toHaveProperty('next');
    expect(result.notices).toBeUndefined();
    expect(received.map(({ path }) => path)).toEqual([1, 2, 3].map((page) => `/search?page=${page}&size=10`));
    expect(filesOf(result).map(({ path }) => path)).toEqual(
      [0, 1, 2].map((index) => `raw/postings/2026-11-20/key0/00000${index}.json.zst`),
    );
    const meta = await readRawMeta(bench.lake, filesOf(result)[1]?.path ?? '');
    expect(meta).toMatchObject({
      uri: `${url}/search?page=2&size=10`,
      status: 200,
      records: 10,
      total: 25,
      next: '3',
      contentType: 'application/json',
    });
    expect(meta.sha256).toBe(filesOf(result)[1]?.sha256);
    expect(result.cost?.bytes).toBe(
      (await Promise.all(filesOf(result).map(async ({ path }) => (await readRaw(bench.lake, path)).length))).reduce(
        (a, b) => a + b,
      ),
    );
  });

  test('a source that clamps the page size is read to its total: a short page is no end then', async () => {
    const { url } = await paged(range(25), { size: 4 });
    const result = await run(url);
    expect(await idsIn(result)).toEqual(range(25));
    expect(result.cost?.requests).toBe(7);
  });

  test('without a total a page shorter than asked is the last', async () => {
    const { url, received } = await paged(range(25), { total: false });
    const result = await run(url, { paging: noTotal });
    expect(ledgerOf(result).fetched).toBe(25);
    expect(received).toHaveLength(3);
    expect(result.source).toEqual({});
  });

  test('without a total and with full pages only, the empty page is the end; so it is without a size', async () => {
    const { url, received } = await paged(range(20), { total: false });
    expect(ledgerOf(await run(url, { paging: noTotal })).fetched).toBe(20);
    expect(received).toHaveLength(3);
    const other = await paged(range(12), { total: false, size: 5 });
    expect(ledgerOf(await run(other.url, { paging: { page: { param: 'page' } } }, { key: 'other' })).fetched).toBe(12);
    expect(other.received).toHaveLength(4);
  });

  test('no records at all is a complete answer', async () => {
    const { url } = await paged([]);
    expect(await run(url)).toMatchObject({ ledger: { listed: 0 }, complete: true, source: { total: 0 } });
  });

  test('a total that is not reached is told: the source gave less than it says it holds', async () => {
    const { url } = await paged(range(20), { total: 40 });
    const result = await run(url);
    expect(result).toMatchObject({ complete: true, source: { total: 40 }, ledger: { fetched: 20 } });
    expect(result.notices).toEqual([
      { reason: 'TotalNotReached', message: 'the source says it holds 40 records and gave 20' },
    ]);
  });

  test('a total that changes on the way: the last one counts', async () => {
    const { url } = await server((request, response) => {
      const page = pageOf(request);
      const items = page <= 3 ? range(10).map((id) => ({ id: page * 100 + id })) : [];
      response.end(JSON.stringify({ items, count: page === 1 ? 20 : 30 }));
    });
    expect(await run(url)).toMatchObject({ ledger: { fetched: 20 + 10 }, source: { total: 30 } });
  });

  test('the total may be text, and in a header', async () => {
    const { url } = await server((request, response) => {
      response
        .setHeader('x-total', '15')
        .end(
          JSON.stringify({ items: range(pageOf(request) === 1 ? 10 : 5).map((id) => ({ id: id * pageOf(request) })) }),
        );
    });
    expect(await run(url, { paging: { ...paging, total: { header: 'X-Total' } } })).toMatchObject({
      ledger: { fetched: 15 },
      source: { total: 15 },
    });
  });

  test('a declared total that is not there is an error: completeness could not be proved', async () => {
    const { url } = await server((_, response) => {
      response.end('{"error":"try later"}');
    });
    await expect(run(url)).rejects.toMatchObject({
      reason: 'TotalMissing',
      message: expect.stringContaining('rest.paging.total ($.count)'),
    });
  });
});

describe('parts', () => {
  test('cut the pages of a slice between steps, and together bring everything', async () => {
    const { url } = await paged(range(57));
    const firstContext = await bench.context({
      pages: 2,
      extract: { rest: { baseUrl: url, path: '/search', paging } },
    });
    const first = await extract(firstContext);
    expect(first).toMatchObject({ complete: false, source: { total: 57, next: '3' }, ledger: { fetched: 20 } });
    const head: Manifest = manifestOf(firstContext, first);
    const others = await Promise.all([1, 2].map((part) => run(url, {}, { part, pages: 2, head })));
    expect(others[0]).toMatchObject({ complete: false, source: { total: 57, next: '5' }, ledger: { fetched: 20 } });
    expect(others[1]).toMatchObject({ complete: true, source: { total: 57 }, ledger: { fetched: 17 } });
    expect((await Promise.all([first, ...others].map(idsIn))).flat()).toEqual(range(57));
    expect(await run(url, {}, { part: 3, pages: 2, head })).toMatchObject({ complete: true, ledger: { fetched: 0 } });
  });

  test('pages are counted from `first`', async () => {
    const { url, received } = await paged(range(5), { total: false });
    await run(
      url,
      { paging: { page: { param: 'page', first: 0 } } },
      {
        part: 2,
        pages: 3,
        head: manifestOf(await bench.context({ extract: { rest: { baseUrl: url } } }), {
          ledger: { listed: 0, fetched: 0, skippedKnown: 0, gone: 0, failed: 0, deferred: 0 },
        }),
      },
    ).catch(() => undefined);
    expect(received[0]?.path).toBe('/search?page=6');
  });
});

describe('one request without paging', () => {
  test('with templates in path, query and body, and headers from secrets', async () => {
    const { url, received } = await server((_, response) => {
      response.end('[11,12,13]');
    });
    const rest = {
      paging: undefined,
      method: 'POST' as const,
      path: '/v2/{{ params.kind }}/search',
      headers: [
        { name: 'apikey', valueFrom: { secretKeyRef: { name: 'coresignal', key: 'api-key' } } },
        { name: 'X-Optional', valueFrom: { secretKeyRef: { name: 'coresignal', key: 'absent', optional: true } } },
        { name: 'X-Plain', value: 'plain' },
      ],
      query: { items: '1000', since: "{{ slice.asOf | date('%Y-%m-%d') }}", text: 'a b&c' },
      body: { active: true, pay: '{{ params.minPay }}', note: 'min {{ params.minPay }}' },
    };
    const { paging: _, ...withoutPaging } = rest;
    const context = await bench.context({
      extract: { rest: { baseUrl: `${url}/api/`, ...withoutPaging } },
      format: { json: { records: '$[*]' } },
      params: { kind: 'job base/x?', minPay: 100_000 },
      secrets: { 'coresignal/api-key': 's3cret' },
    });
    expect(await extract(context)).toMatchObject({ ledger: { fetched: 3 }, complete: true, source: {} });
    expect(received[0]?.path).toBe('/api/v2/job%20base/x%3F/search?items=1000&since=2026-11-20&text=a+b%26c');
    expect(JSON.parse(received[0]?.body ?? '')).toEqual({ active: true, pay: 100_000, note: 'min 100000' });
    expect(received[0]?.headers).toMatchObject({
      apikey: 's3cret',
      'x-plain': 'plain',
      'content-type': 'application/json',
      accept: expect.stringContaining('application/json'),
    });
    expect(received[0]?.headers).not.toHaveProperty('x-optional');
  });

  test('a parameter can change neither the host nor climb up the path', async () => {
    const { url, received } = await server((_, response) => {
      response.end('[]');
    });
    const ask = (value: string, path = '{{ params.x }}') =>
      bench
        .context({
          extract: { rest: { baseUrl: url, path } },
          format: { json: { records: '$[*]' } },
          params: { x: value },
          key: encodeURIComponent(value).replaceAll('%', '') + path.length,
        })
        .then(extract);
    await ask('@evil.test/x');
    await ask('//evil.test/x');
    expect(received.map(({ path }) => path)).toEqual(['/@evil.test/x', '//evil.test/x']);
    for (const value of ['..', '../admin', 'a/../../b', '%2e%2e', 'x\\..\\y']) {
      await expect(ask(value, '/v1/{{ params.x }}')).rejects.toMatchObject({ reason: 'UrlInvalid' });
    }
    expect(received).toHaveLength(2);
  });

  test('the records path may find one record, or nothing', async () => {
    const { url } = await server((_, response) => {
      response.end('{"error":"quota"}');
    });
    const one = await extract(
      await bench.context({ extract: { rest: { baseUrl: url } }, format: { json: { records: '$' } } }),
    );
    expect(one).toMatchObject({ ledger: { fetched: 1 } });
    const none = await extract(await bench.context({ extract: { rest: { baseUrl: url } }, key: 'none' }));
    expect(none).toMatchObject({ ledger: { fetched: 0 }, notices: [{ reason: 'RecordsMissing' }] });
  });

  test('lines are counted, other formats are one body', async () => {
    const { url } = await server((_, response) => {
      response.end('{"a":1}\n\n  {"a":2}\r\n{"a":3}');
    });
    const lines = await extract(await bench.context({ extract: { rest: { baseUrl: url } }, format: { jsonl: {} } }));
    expect(lines).toMatchObject({ ledger: { fetched: 3 } });
    expect(filesOf(lines)[0]?.path).toMatch(/000000\.jsonl\.zst$/);
    const csv = { csv: { delimiter: ',', header: true, quote: '"', encoding: 'utf-8' as const, skip: 0 } };
    expect(
      await extract(await bench.context({ extract: { rest: { baseUrl: url } }, format: csv, key: 'csv' })),
    ).toMatchObject({ ledger: { fetched: 1 } });
    await expect(run(url, {}, { format: csv, key: 'paged' })).rejects.toMatchObject({ reason: 'PagingNeedsRecords' });
  });

  test('a status that the manifest skips is no records, kept as raw and not handed on', async () => {
    const { url } = await server((_, response) => {
      response.writeHead(404).end('{"detail":"not found"}');
    });
    const result = await run(url, { responses: [{ status: 404, action: 'Skip' }] });
    expect(result).toMatchObject({ ledger: { listed: 0, gone: 0 }, complete: true });
    expect(filesOf(result)).toEqual([]);
    expect(await listRaw(bench.lake, 'raw/postings/2026-11-20/key0')).toHaveLength(1);
    expect(digested(await run(url, { responses: [{ status: 404, action: 'Skip' }] }))).toEqual(digested(result));
  });
});

describe('what is wrong with a source', () => {
  const html = '<!DOCTYPE html>\n<html><title>Sign in</title>';

  test('HTML where JSON was expected', async () => {
    const { url, received } = await server((_, response) => {
      response.setHeader('content-type', 'text/html').end(html);
    });
    await expect(run(url)).rejects.toMatchObject({
      name: 'TerminalError',
      reason: 'NotJson',
      message: expect.stringMatching(
        /^GET http.*text\/html, 4\d bytes, beginning "<!DOCTYPE html> <html><title>Sign in<\/title>"/,
      ),
    });
    expect(received).toHaveLength(1);
    await expect(run(url, { paging: noTotal }, { format: { jsonl: {} } })).rejects.toMatchObject({ reason: 'NotData' });
  });

  test('JSON that ends too early without the connection saying so: asked again, then refused', async () => {
    const whole = JSON.stringify({ items: [{ id: 1 }], count: 1 });
    const mended = await server((_, response, before) => {
      response.end(before < 1 ? whole.slice(0, 15) : whole);
    });
    expect(await run(mended.url)).toMatchObject({ ledger: { fetched: 1 }, cost: { requests: 2 } });
    const broken = await server((_, response) => {
      response.end(whole.slice(0, 15));
    });
    await expect(run(broken.url, {}, { key: 'broken' })).rejects.toMatchObject({
      reason: 'NotJson',
      message: expect.stringContaining('ends too early'),
    });
    expect(broken.received).toHaveLength(3);
  });

  test('401 names the secret; its value is in no message and nowhere in the lake', async () => {
    const { url } = await server((request, response, before) => {
      if (before > 0) return void response.writeHead(401).end(`no: ${request.headers.apikey}`);
      response.setHeader('etag', '"1"').end(JSON.stringify({ items: range(10).map((id) => ({ id })), count: 20 }));
    });
    const headers = [{ name: 'apikey', valueFrom: { secretKeyRef: { name: 'coresignal', key: 'api-key' } } }];
    const failure = run(url, { headers }, { secrets: { 'coresignal/api-key': 'planted-canary' } });
    await expect(failure).rejects.toMatchObject({
      reason: 'Unauthorized',
      message: expect.stringContaining('secret coresignal, key api-key'),
    });
    await expect(failure).rejects.toThrow(expect.objectContaining({ message: expect.not.stringContaining('canary') }));
    for (const { path } of await Array.fromAsync(bench.lake.store.list(''))) {
      const bytes = path.endsWith('.zst') ? await readRaw(bench.lake, path) : await bench.lake.store.get(path);
      expect(bytes?.includes('canary')).toBe(false);
    }
  });

  test('a page that repeats for ever is told after the second', async () => {
    const { url, received } = await server((request, response) => {
      response.end(JSON.stringify({ page: pageOf(request), items: range(10).map((id) => ({ id })), count: 5000 }));
    });
    await expect(run(url)).rejects.toMatchObject({
      reason: 'PagesRepeat',
      message: expect.stringMatching(/^page 2 holds the same 10 records as the page before/),
    });
    expect(received.length).toBeLessThanOrEqual(2);
  });

  test('also when it repeats between parts, or between attempts', async () => {
    const { url } = await server((_, response) => {
      response.end(JSON.stringify({ items: range(10).map((id) => ({ id })), count: 5000 }));
    });
    const context = await bench.context({ pages: 1, extract: { rest: { baseUrl: url, path: '/search', paging } } });
    const first = await extract(context);
    await expect(run(url, {}, { part: 1, pages: 1, head: manifestOf(context, first) })).rejects.toMatchObject({
      reason: 'PagesRepeat',
      message: expect.stringContaining('page 2 '),
    });
    await expect(run(url, {}, { pages: 2 })).rejects.toMatchObject({ reason: 'PagesRepeat' });
  });

  test('pages without end', async () => {
    const { url, received } = await server((request, response) => {
      response.end(JSON.stringify({ items: range(10).map((id) => ({ id: pageOf(request) * 10 + id })), count: 1e6 }));
    });
    await expect(run(url, { paging: { ...paging, maxPages: 5 } })).rejects.toMatchObject({
      reason: 'TooManyPages',
      message: expect.stringContaining('5 pages (50 records of 1000000)'),
    });
    expect(received).toHaveLength(5);
  });

  test('a result cap stops the step with advice, by the total or by what came', async () => {
    const { url, received } = await paged(range(60));
    await expect(run(url, { resultCap: { at: 50, action: 'Fail' } })).rejects.toMatchObject({
      reason: 'ResultCapped',
      message: expect.stringMatching(/at most 50 records to one query and has 60 .*by date, series or agency/),
    });
    expect(received).toHaveLength(1);
    const silent = await paged(range(50), { total: false });
    await expect(
      run(silent.url, { paging: noTotal, resultCap: { at: 50, action: 'Fail' } }, { key: 'silent' }),
    ).rejects.toThrow('at least 50');
  });

  test('a result cap that only warns: what came is kept and known to be cut off', async () => {
    const { url } = await paged(range(60).slice(0, 50), { total: 60 });
    const result = await run(url, { resultCap: { at: 50, action: 'Warn' } });
    expect(result).toMatchObject({
      ledger: { fetched: 50 },
      complete: true,
      source: { total: 60, capped: true },
      notices: [{ reason: 'ResultCapped' }],
    });
    expect(result.cost?.requests).toBe(5);
  });

  test('a private address, where those are not allowed', async () => {
    const { url, received } = await paged(range(5));
    await expect(run(url, {}, { allowPrivateNetworks: false })).rejects.toMatchObject({ reason: 'AddressRefused' });
    expect(received).toEqual([]);
  });

  test('a log-in in the address is refused and not shown', async () => {
    const failure = run('http://user:hidden@127.0.0.1:9');
    await expect(failure).rejects.toMatchObject({ reason: 'UrlInvalid' });
    await expect(failure).rejects.toThrow(expect.objectContaining({ message: expect.not.stringContaining('hidden') }));
  });
});

describe('attempts', () => {
  test('a page that fails for a while is asked again; its attempts are counted', async () => {
    const { url } = await server((request, response, before) => {
      if (before === 1 || before === 2) return void response.writeHead(503).end();
      const at = (pageOf(request) - 1) * 10;
      response.end(
        JSON.stringify({
          items: range(25)
            .slice(at, at + 10)
            .map((id) => ({ id })),
          count: 25,
        }),
      );
    });
    const result = await run(url);
    expect(await idsIn(result)).toEqual(range(25));
    expect(result.cost?.requests).toBe(5);
  });

  test('the next attempt goes on after the pages that are there, and comes to the same result', async () => {
    const ids = range(95);
    let broken = true;
    const { url, received } = await server((request, response) => {
      const page = pageOf(request);
      if (broken && page > 6) return void response.writeHead(500).end();
      response.end(JSON.stringify({ items: ids.slice((page - 1) * 10, page * 10).map((id) => ({ id })), count: 95 }));
    });
    await expect(run(url)).rejects.toMatchObject({ name: 'TransientError' });
    broken = false;
    const before = received.length;
    const resumed = await run(url);
    expect(received.slice(before).map(pageOf)).toEqual([7, 8, 9, 10]);
    expect(resumed.cost?.requests).toBe(10);
    const undisturbed = await run(url, {}, { key: 'other' });
    expect(await idsIn(resumed)).toEqual(await idsIn(undisturbed));
    expect(filesOf(resumed).map(({ bytes, sha256 }) => [bytes, sha256])).toEqual(
      filesOf(undisturbed).map(({ bytes, sha256 }) => [bytes, sha256]),
    );
    expect(digested(await run(url))).toEqual(digested(resumed));
  });

  test('killed after each raw put, it never asks for a stored page again', async () => {
    const { url, received } = await paged(range(45));
    for (let kills = 0; kills < 4; kills += 1) {
      const child = fork(new URL('./killed.ts', import.meta.url), [bench.root, url], { execArgv: [] });
      const [, signal] = (await once(child, 'exit')) as [number | null, string | null];
      expect(signal).toBe('SIGKILL');
      expect(await listRaw(bench.lake, 'raw/postings/2026-11-20/key0')).toHaveLength(kills + 1);
    }
    const result = await run(url);
    expect(await idsIn(result)).toEqual(range(45));
    const asked = received.map(pageOf);
    // The page after the one that was stored may have been under way when the process was killed.
    expect(asked.filter((page) => page === 1)).toHaveLength(1);
    for (const page of [2, 3, 4, 5]) expect(asked.filter((other) => other === page).length).toBeLessThanOrEqual(2);
    expect(await readdir(join(bench.root, 'lake', '.tmp'))).toEqual([]);
  });

  test('two attempts at once over a source that drifts come to the same manifest', async () => {
    let asked = 0;
    const { url } = await server((request, response) => {
      const page = pageOf(request);
      const items = page <= 5 ? range(10).map((id) => ({ id: page * 10 + id, seen: asked++ })) : [];
      setTimeout(() => response.end(JSON.stringify({ items, count: 50 })), Math.random() * 20);
    });
    for (let round = 0; round < 10; round += 1) {
      const results = await Promise.all(range(3).map(() => run(url, {}, { key: `round${round}` })));
      for (const result of results) expect(digested(result)).toEqual(digested(results[0] as StepResult));
      expect(filesOf(results[0] as StepResult)).toHaveLength(5);
    }
  });

  test('attempts that saw different ends agree on the pages that were stored first', async () => {
    let asked = 0;
    const { url } = await server((request, response) => {
      const page = pageOf(request);
      asked += 1;
      // Every other answer ends the source two pages earlier.
      const last = asked % 2 === 0 ? 3 : 5;
      const items = range(page < last ? 10 : 4).map((id) => ({ id: page * 10 + id }));
      setTimeout(() => response.end(JSON.stringify({ items: page > last ? [] : items })), Math.random() * 20);
    });
    for (let round = 0; round < 10; round += 1) {
      const results = await Promise.all(range(3).map(() => run(url, { paging: noTotal }, { key: `round${round}` })));
      for (const result of results) expect(digested(result)).toEqual(digested(results[0] as StepResult));
    }
  });

  test('an abort ends it at once, whatever is under way', async () => {
    const { url } = await server((request, response) => {
      if (pageOf(request) === 1) response.end(JSON.stringify({ items: range(10).map((id) => ({ id })), count: 100 }));
    });
    const abort = new AbortController();
    const running = run(url, {}, { signal: abort.signal });
    setTimeout(() => abort.abort(new Error('lease lost')), 200);
    await expect(running).rejects.toThrow('lease lost');
  });

  test('a lake that cannot be written stops it, and nothing is left under way', async () => {
    const { url } = await paged(range(95));
    const context = await bench.context({ extract: { rest: { baseUrl: url, path: '/search', paging } } });
    const full = {
      ...context.lake,
      store: { ...context.lake.store, putIfAbsent: () => Promise.reject(new Error('no space')) },
    };
    await expect(extract({ ...context, lake: full })).rejects.toThrow('no space');
  });
});

describe('limits', () => {
  test('the rate of the manifest holds over steps side by side', async () => {
    const times: number[] = [];
    const { url } = await server((_, response) => {
      times.push(performance.now());
      response.end('{"items":[{"id":1}],"count":1}');
    });
    const limits = { key: 'rate-test', rate: { requests: 2, per: '200ms' }, concurrency: 2 };
    await Promise.all(
      range(6).map(async (part) =>
        extract(
          await bench.context({
            key: `s${part}`,
            extract: { limits, rest: { baseUrl: url, path: '/search', paging } },
          }),
        ),
      ),
    );
    expect((times[5] ?? 0) - (times[0] ?? 0)).toBeGreaterThan(350);
  });
});

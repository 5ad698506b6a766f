import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { linkTarget } from '../../../src/connectors/sources/paging/link.ts';
import { readRaw } from '../../../src/lake/raw.ts';
import type { Manifest, StepResult } from '../../../src/run/types.ts';
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

type Rest = NonNullable<Setting['extract']['rest']>;
type Answer = { readonly items: readonly { id: number }[]; readonly next?: unknown; readonly total: number };
const range = (length: number): number[] => Array.from({ length }, (_, id) => id);

/** A source in which each page is at `asked` and `next` says how the following one is named. */
async function source(
  ids: readonly number[],
  size: number,
  asked: (request: Received) => number,
  next: (at: number, request: Received) => { readonly body?: unknown; readonly headers?: Record<string, string> },
): Promise<TestServer> {
  const server = await serve((request, response) => {
    const at = asked(request);
    const items = ids.slice(at, at + size).map((id) => ({ id }));
    const named = at + size < ids.length ? next(at + size, request) : {};
    for (const [name, value] of Object.entries({ 'x-total': `${ids.length}`, ...named.headers })) {
      response.setHeader(name, value);
    }
    response.end(JSON.stringify({ items, total: ids.length, next: named.body } satisfies Answer));
  });
  servers.push(server);
  return server;
}

const query = ({ path }: Received, name: string) => new URL(path, 'http://x').searchParams.get(name);

/** Every kind of paging whose parts follow one another, with a source that speaks it. */
const kinds: readonly {
  readonly name: string;
  readonly rest: Partial<Rest>;
  readonly start: (ids: readonly number[], size: number) => Promise<TestServer>;
}[] = [
  {
    name: 'offset',
    rest: { paging: { offset: { param: 'skip', sizeParam: 'take', size: 3 } } },
    start: (ids, size) =>
      source(
        ids,
        Math.min(size, 3),
        (request) => Number(query(request, 'skip')),
        () => ({}),
      ),
  },
  {
    name: 'cursor from a header into the query',
    rest: {
      method: 'POST',
      body: { title: '{{ params.title }}', least: '{{ params.least }}' },
      paging: { cursor: { param: 'after', next: { header: 'x-next' } }, total: { header: 'x-total' } },
    },
    start: (ids, size) =>
      source(
        ids,
        size,
        (request) => Number(query(request, 'after')?.split(',')[1] ?? 0),
        (at) => ({ headers: { 'x-next': `"2025-03-03",${at}` } }),
      ),
  },
  {
    name: 'cursor from the body into a header',
    rest: { paging: { cursor: { header: 'x-after', next: { path: '$.next' } }, total: { path: '$.total' } } },
    start: (ids, size) =>
      source(
        ids,
        size,
        ({ headers }) => Number(headers['x-after'] ?? 0),
        (at) => ({ body: at }),
      ),
  },
  {
    name: 'cursor from the body into the body',
    rest: {
      method: 'POST',
      body: { sort: ['é'], page: { size: 3 } },
      paging: { cursor: { field: 'page.after', next: { path: '$.next' } } },
    },
    start: (ids, size) =>
      source(
        ids,
        size,
        ({ body }) => {
          const { page } = JSON.parse(body) as { page: { size: number; after?: [string, number] } };
          expect(page.size).toBe(3);
          if (page.after) expect(page.after[0]).toBe('Ünï');
          return page.after?.[1] ?? 0;
        },
        (at) => ({ body: ['Ünï', at] }),
      ),
  },
  {
    name: 'link',
    rest: { paging: { link: {} } },
    start: (ids, size) =>
      source(
        ids,
        size,
        (request) => Number(query(request, 'at')),
        (at) => ({
          headers: { link: `</search?at=0>; rel="first", <?at=${at}&q=a%2Cb>; title="x, y"; rel="next last"` },
        }),
      ),
  },
  {
    name: 'next address',
    rest: { paging: { next: { path: '$.next' } } },
    start: (ids, size) =>
      source(
        ids,
        size,
        (request) => Number(query(request, 'at')),
        (at, { headers }) => ({ body: `http://${headers.host}/elsewhere?at=${at}` }),
      ),
  },
];

interface Walked {
  readonly results: readonly StepResult[];
  readonly ids: readonly number[];
  readonly hashes: readonly unknown[];
}

/** Extracts part after part as the plan does, each reading the one before; a part may be broken off after some page. */
async function walk(url: string, rest: Partial<Rest>, pages: number, key: string, crashAfter = 0): Promise<Walked> {
  const results: StepResult[] = [];
  let head: Manifest | undefined;
  let stored = 0;
  for (let part = 0; part < 100; part += 1) {
    const setting = {
      extract: { rest: { baseUrl: url, path: '/search', ...rest } },
      params: { title: 'clerk', least: 3 },
      ...{ pages, part, key: `${key}p${part}` },
      ...(head ? { head } : {}),
    };
    const crashPoint = () => {
      stored += 1;
      if (stored === crashAfter) throw new Error('crash');
    };
    const attempt = async () => {
      const context = await bench.context({ ...setting, crashPoint });
      const result = await extract(context);
      return { context, result };
    };
    const done = await attempt().catch((error: unknown) => {
      if (error instanceof Error && error.message === 'crash') return attempt();
      throw error;
    });
    results.push(done.result);
    head = manifestOf(done.context, done.result);
    if (done.result.source?.next === undefined) break;
  }
  const files = results.flatMap((result) => result.partitions?.[0]?.files ?? []);
  const bodies = await Promise.all(files.map(({ path }) => readRaw(bench.lake, path)));
  return {
    results,
    ids: bodies.flatMap((body) => (JSON.parse(body.toString()) as Answer).items.map(({ id }) => id)),
    hashes: files.map(({ sha256 }) => sha256),
  };
}

describe.each(kinds)('paging by $name', ({ rest, start }) => {
  test('any number of records, any page size, any cut into parts, any crash: the same bytes, nothing twice', async () => {
    let round = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.nat(25),
        fc.integer({ min: 1, max: 3 }),
        fc.integer({ min: 1, max: 4 }),
        fc.integer({ min: 1, max: 12 }),
        async (count, size, pages, crashAfter) => {
          // A short page would be the end where the source tells neither its end nor its total.
          const given = rest.paging?.offset ? 3 : size;
          const { url, received } = await start(range(count), given);
          round += 1;
          const whole = await walk(url, rest, 1000, `w${round}`);
          expect(whole.ids).toEqual(range(count));
          const asked = received.length;
          const broken = await walk(url, rest, pages, `b${round}`, crashAfter);
          expect(broken.ids).toEqual(range(count));
          expect(broken.hashes).toEqual(whole.hashes);
          // One page ahead may have been under way when it crashed, and at the end of each part.
          expect(received.length - asked).toBeLessThanOrEqual(asked + 1 + broken.results.length);
          expect(broken.results.slice(0, -1).every(({ source }) => source?.tally !== undefined)).toBe(true);
        },
      ),
      { numRuns: 15 },
    );
  });
});

describe('templates in a body', () => {
  test('keep their types, on every page', async () => {
    const kind = kinds[1];
    if (!kind) throw new Error('there is no such kind');
    const { url, received } = await kind.start(range(7), 3);
    await walk(url, kind.rest, 20, 'typed');
    expect(received.map(({ body }) => body)).toEqual(Array(3).fill('{"title":"clerk","least":3}'));
    expect(received.map(({ path }) => path)).toEqual([
      '/search',
      '/search?after=%222025-03-03%22%2C3',
      '/search?after=%222025-03-03%22%2C6',
    ]);
  });
});

describe('what a source says of its next page', () => {
  const answering = async (next: unknown, headers: Record<string, string> = {}) => {
    const server = await serve((_, response, before) => {
      for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
      response.end(JSON.stringify({ items: [{ id: before }], total: 9, next }));
    });
    servers.push(server);
    return server;
  };
  const walkFrom = (url: string, paging: Rest['paging'], more: Partial<Rest> = {}) =>
    walk(url, { ...(paging ? { paging } : {}), ...more }, 20, 'k');

  test.each([
    'http://127.0.0.1:1/x',
    'https://evil.example/x',
    '//evil.example/x',
    'http://evil.example@evil.test/',
    'file:///etc/hostname',
    'http://',
  ])('the address %s is refused before it is asked', async (address) => {
    const body = await answering(address);
    await expect(walkFrom(body.url, { next: { path: '$.next' } })).rejects.toMatchObject({
      name: 'TerminalError',
      reason: 'NextInvalid',
      message: expect.stringContaining('the origin of rest.baseUrl'),
    });
    expect(body.received).toHaveLength(1);
    const link = await answering(undefined, { link: `<${address}>; rel=next` });
    await expect(walkFrom(link.url, { link: {} }, { path: '/l' })).rejects.toMatchObject({ reason: 'NextInvalid' });
  });

  test('an address whose path looks like a host stays on this one', async () => {
    const { url, received } = await answering(undefined);
    const other = await answering(`${url}//evil.example/x`);
    await expect(walkFrom(other.url, { next: { path: '$.next' } })).rejects.toMatchObject({ reason: 'NextInvalid' });
    expect(received).toEqual([]);
    const own = await serve((request, response, before) => {
      response.end(
        JSON.stringify({
          items: [{ id: before }],
          next: before < 1 ? `http://${request.headers.host}//evil.example/x` : null,
        }),
      );
    });
    servers.push(own);
    await walk(own.url, { paging: { next: { path: '$.next' } } }, 1, 'own');
    expect(own.received.map(({ path }) => path)).toEqual(['/search', '//evil.example/x']);
  });

  test.each([
    ['a circle', (at: number) => (at + 1) % 3],
    ['itself', () => 1],
  ])('that leads to %s is found at the first repetition, also across the parts', async (_, following) => {
    const circle = await serve((request, response, before) => {
      const at = Number(query(request, 'after') ?? 0);
      response.end(JSON.stringify({ items: [{ id: before }], next: `${following(at)}` }));
    });
    servers.push(circle);
    await expect(walkFrom(circle.url, { cursor: { param: 'after', next: { path: '$.next' } } })).rejects.toMatchObject({
      reason: 'PagesRepeat',
      message: expect.stringContaining('leads back to page'),
    });
    expect(circle.received.length).toBeLessThanOrEqual(5);
    const bounded = { cursor: { param: 'after', next: { path: '$.next' } }, maxPages: 7 };
    await expect(walk(circle.url, { paging: bounded }, 2, 'parts')).rejects.toThrow(/leads back|7 pages/);
  });

  test('an empty page in the middle is no end; one that leads to itself is', async () => {
    const holes = await serve((request, response) => {
      const at = Number(query(request, 'after') ?? 0);
      response.end(JSON.stringify({ items: at === 1 || at === 3 ? [] : [{ id: at }], next: Math.min(at + 1, 3) }));
    });
    servers.push(holes);
    expect((await walkFrom(holes.url, { cursor: { param: 'after', next: { path: '$.next' } } })).ids).toEqual([0, 2]);
  });

  test.each([{ a: 1 }, [1], true, 2 ** 60])('a cursor that no query can carry: %j', async (next) => {
    const { url } = await answering(next);
    await expect(walkFrom(url, { cursor: { param: 'after', next: { path: '$.next' } } })).rejects.toMatchObject({
      reason: 'NextInvalid',
    });
  });

  test('a cursor that repeats a secret is not stored', async () => {
    const { url } = await answering('planted-canary-7');
    const context = await bench.context({
      extract: {
        rest: {
          baseUrl: url,
          headers: [{ name: 'apikey', valueFrom: { secretKeyRef: { name: 'a', key: 'b' } } }],
          paging: { cursor: { param: 'after', next: { path: '$.next' } } },
        },
      },
      secrets: { 'a/b': 'planted-canary' },
    });
    const failure = extract(context);
    await expect(failure).rejects.toMatchObject({ reason: 'NextInvalid' });
    await expect(failure).rejects.toThrow(expect.objectContaining({ message: expect.not.stringContaining('canary') }));
  });

  test('a part that nothing tells where it begins is refused', async () => {
    const { url, received } = await answering(1);
    const head = manifestOf(await bench.context({ extract: { rest: { baseUrl: url } } }), {
      ledger: { listed: 1, fetched: 1, skippedKnown: 0, gone: 0, failed: 0, deferred: 0 },
      source: { next: '2' },
    });
    const paging = { cursor: { param: 'after', next: { path: '$.next' } } };
    const context = await bench.context({ part: 1, head, extract: { rest: { baseUrl: url, paging } } });
    await expect(extract(context)).rejects.toMatchObject({ reason: 'InputMissing' });
    expect(received).toEqual([]);
  });
});

describe('a Link header', () => {
  test.each([
    ['<https://a.example/?page=2>; rel="next"', 'https://a.example/?page=2'],
    ['<b>; rel=prev, <c>; REL=Next', 'c'],
    ['<b>; rel="prev next"', 'b'],
    ['<a,b;c>; title="x; rel=\\"no\\", <z>; rel=next"; rel=next', 'a,b;c'],
    ['<other>; rel=next; anchor="/else", <mine>; rel=next', 'mine'],
    ['<first>; rel=prev; rel=next', undefined],
    ['<b>; rel="nextish"', undefined],
    ['<b>', undefined],
    ['', undefined],
    [undefined, undefined],
  ])('%s', (header, target) => {
    expect(linkTarget(header, 'next')).toBe(target);
  });

  test('of any text is read in no time', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'<>;,="\\ \tra'), maxLength: 3000 }), (header) => {
        const start = performance.now();
        linkTarget(`<x>; rel=next, ${header}`, 'next');
        linkTarget(header, 'next');
        expect(performance.now() - start).toBeLessThan(2000);
      }),
    );
  });
});

describe('a capped query that is split', () => {
  const states = ['IL', 'NY', 'TX'];
  /** Rows have a state; one query gives `cap` rows at most and tells how many there are, or clamps that too. */
  const capped = async (rows: readonly string[], { cap = 10, size = 4, clamped = false } = {}) => {
    const server = await serve((request, response) => {
      const state = query(request, 'state');
      const found = rows.flatMap((of, id) => (state === null || of === state ? [{ id }] : []));
      const at = (Number(query(request, 'page')) - 1) * size;
      const total = clamped ? Math.min(cap, found.length) : found.length;
      response.end(JSON.stringify({ items: found.slice(0, cap).slice(at, at + size), total }));
    });
    servers.push(server);
    return server;
  };
  const splitting = (cap = 10): Partial<Rest> => ({
    paging: { page: { param: 'page', sizeParam: 'size', size: 4 }, total: { path: '$.total' } },
    resultCap: { at: cap, action: 'Split', splitBy: { param: 'state', values: states } },
  });
  const fetched = ({ results }: Walked) =>
    results.reduce((sum, { ledger }) => sum + (ledger as { fetched: number }).fetched, 0);

  test('is asked once per value; counts and total add up, the first page is not handed on', async () => {
    const rows = range(21).map((id) => states[id % 3] ?? '');
    const { url, received } = await capped(rows);
    const walked = await walk(url, splitting(), 20, 'k');
    expect(walked.ids.toSorted((a, b) => a - b)).toEqual(range(21));
    expect(fetched(walked)).toBe(21);
    expect(walked.results).toMatchObject([{ source: { total: 21 }, complete: true }]);
    expect(walked.results[0]?.notices).toBeUndefined();
    expect(received.map((request) => `${query(request, 'state') ?? '*'}${query(request, 'page')}`)).toEqual([
      ...['*1', 'IL1', 'IL2', 'NY1', 'NY2', 'TX1', 'TX2'],
    ]);
  });

  test('the first page of a value may be the same as that of the whole', async () => {
    const { url } = await capped([...range(9).map(() => 'IL'), 'TX']);
    expect((await walk(url, splitting(), 20, 'k')).ids).toEqual(range(10));
  });

  test('below its cap it is one query', async () => {
    const { url, received } = await capped(range(9).map(() => 'IL'));
    expect((await walk(url, splitting(), 20, 'k')).ids).toEqual(range(9));
    expect(received.every((request) => query(request, 'state') === null)).toBe(true);
  });

  test('a total that stops at the cap too: the sum of the values is the total', async () => {
    const { url } = await capped(
      range(21).map((id) => states[id % 3] ?? ''),
      { clamped: true },
    );
    expect((await walk(url, splitting(), 20, 'k')).results).toMatchObject([{ source: { total: 21 } }]);
  });

  test('values that do not cover everything are told', async () => {
    const { url } = await capped([...range(15).map((id) => states[id % 3] ?? ''), 'WA', 'WA']);
    const { results } = await walk(url, splitting(), 20, 'k');
    expect(results[0]?.notices).toEqual([
      { reason: 'TotalNotReached', message: 'the source says it holds 17 records and gave 15' },
    ]);
  });

  test.each([
    [4, 13],
    [10, 13],
    [20, 13],
  ])('a value that is capped itself stops the step (pages of %i)', async (size, count) => {
    const { url } = await capped(
      range(count).map(() => 'NY'),
      { size },
    );
    const rest = splitting();
    await expect(walk(url, rest, 20, 'k')).rejects.toMatchObject({
      reason: 'ResultCapped',
      message:
        'the source gives at most 10 records to one query and has 13 for state=NY: rest.resultCap.splitBy needs values that each ask for less',
    });
  });

  test('any rows, any cut into parts, any crash: the same records', async () => {
    let round = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom(...states), { maxLength: 25 }),
        fc.integer({ min: 1, max: 4 }),
        fc.integer({ min: 1, max: 10 }),
        async (rows, pages, crashAfter) => {
          fc.pre(states.every((state) => rows.filter((row) => row === state).length < 10));
          const { url } = await capped(rows);
          round += 1;
          const whole = await walk(url, splitting(), 1000, `w${round}`);
          const broken = await walk(url, splitting(), pages, `b${round}`, crashAfter);
          expect(whole.ids.toSorted((a, b) => a - b)).toEqual(range(rows.length));
          expect(broken.hashes).toEqual(whole.hashes);
          expect(fetched(broken)).toBe(rows.length);
          expect(broken.results.at(-1)?.source?.total).toBe(rows.length);
          expect(broken.results.flatMap(({ notices = [] }) => notices)).toEqual([]);
        },
      ),
      { numRuns: 25 },
    );
  });
});

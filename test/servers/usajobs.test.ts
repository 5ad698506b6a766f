import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { startUsajobs, type UsajobsDouble, type UsajobsOptions } from './usajobs/double.ts';
import { usualSearch } from './usajobs/search.ts';

const postings = 60;
let double: UsajobsDouble;

beforeEach(async () => {
  double = await startUsajobs({ seed: 7, postings });
});
afterEach(async () => {
  await double.close();
});

/** Replaces the double of a test by one with other options. */
async function restart(options: UsajobsOptions): Promise<void> {
  await double.close();
  double = await startUsajobs({ seed: 7, postings, ...options });
}

type Params = Readonly<Record<string, string>>;

function get(params: Params, headers: Params = {}): Promise<Response> {
  const url = `${double.url}/api/Search?${new URLSearchParams(params)}`;
  return fetch(url, { headers: { 'Authorization-Key': double.key, 'User-Agent': double.agent, ...headers } });
}

interface Item {
  readonly MatchedObjectId: string;
  readonly MatchedObjectDescriptor: {
    readonly PositionTitle?: string;
    readonly PositionRemuneration: readonly { MinimumRange: string; MaximumRange: string; RateIntervalCode: string }[];
    readonly PositionLocation: readonly { LocationName: string; Latitude: number; Longitude: number }[];
    readonly UserArea: { readonly Details: Readonly<Record<string, unknown>> };
  };
  readonly RelevanceRank: number;
}
interface Body {
  readonly SearchResult: {
    readonly SearchResultCount: number;
    readonly SearchResultCountAll: number;
    readonly SearchResultItems: readonly Item[];
    readonly UserArea: { readonly NumberOfPages: unknown };
  };
}

async function search(params: Params = {}): Promise<Body['SearchResult']> {
  const response = await get({ ...usualSearch, ...params });
  expect(response.status).toBe(200);
  return ((await response.json()) as Body).SearchResult;
}

const ids = (result: Body['SearchResult']) => result.SearchResultItems.map((item) => item.MatchedObjectId);

describe('who may ask, and what', () => {
  test.each([
    ['another key', { 'Authorization-Key': 'another' }],
    ['another agent', { 'User-Agent': 'somebody@example.org' }],
    ['an empty key', { 'Authorization-Key': '' }],
  ])('%s is answered 401', async (_, headers) => {
    const response = await get(usualSearch, headers);
    expect(response.status).toBe(401);
    expect(double.ledger().requests.map(({ status }) => status)).toEqual([401]);
    expect(double.distinctIds()).toEqual([]);
  });

  test.each([{ Page: '0' }, { Page: 'two' }, { ResultsPerPage: '-1' }, { RemunerationMinimumAmount: 'much' }])(
    '%o is answered 400',
    async (params) => {
      expect((await get({ ...usualSearch, ...params })).status).toBe(400);
    },
  );

  test('a search without any filter is answered 503', async () => {
    expect((await get({ Fields: 'Full', Page: '1' })).status).toBe(503);
  });

  test('other paths and methods do not exist', async () => {
    expect((await fetch(`${double.url}/api/Nothing`)).status).toBe(404);
    expect((await fetch(`${double.url}/api/Search`, { method: 'POST' })).status).toBe(405);
  });
});

describe('pages', () => {
  test('together hold every posting once, best first', async () => {
    const pages = [];
    for (let page = 1; page <= 3; page += 1) pages.push(await search({ Page: String(page), ResultsPerPage: '25' }));
    expect(pages.map(({ SearchResultCount }) => SearchResultCount)).toEqual([25, 25, 10]);
    expect(pages.map(({ SearchResultCountAll }) => SearchResultCountAll)).toEqual([60, 60, 60]);
    const items = pages.flatMap(({ SearchResultItems }) => SearchResultItems);
    expect(new Set(items.map(({ MatchedObjectId }) => MatchedObjectId)).size).toBe(postings);
    const ranks = items.map(({ RelevanceRank }) => RelevanceRank);
    expect(ranks).toEqual(ranks.toSorted((a, b) => b - a));
  });

  test('a page after the last is empty', async () => {
    expect(ids(await search({ Page: '4', ResultsPerPage: '25' }))).toEqual([]);
  });

  test('the number of pages is text and counts pages of 25', async () => {
    expect((await search({ ResultsPerPage: '500' })).UserArea.NumberOfPages).toBe('3');
  });

  test('more than 500 a page is cut to 500, or refused', async () => {
    await restart({ postings: 520 });
    expect((await search({ ResultsPerPage: '501' })).SearchResultCount).toBe(500);
    await restart({ oversize: 'Reject' });
    expect((await get({ ...usualSearch, ResultsPerPage: '501' })).status).toBe(400);
  });

  test('250 a page where nothing is asked', async () => {
    await restart({ postings: 300 });
    expect((await search()).SearchResultCount).toBe(250);
  });

  test('rows beyond the cap are not served, and the total is honest', async () => {
    await restart({ resultCap: 40 });
    const pages = [await search({ ResultsPerPage: '30' }), await search({ ResultsPerPage: '30', Page: '2' })];
    expect(pages.map(({ SearchResultCount }) => SearchResultCount)).toEqual([30, 10]);
    expect(pages.map(({ SearchResultCountAll }) => SearchResultCountAll)).toEqual([60, 60]);
  });
});

describe('filters', () => {
  test('each of the three takes something away', async () => {
    const all = { Keyword: '', LocationName: '', RemunerationMinimumAmount: '' };
    const total = async (params: Params) =>
      ((await (await get({ ...all, ...params })).json()) as Body).SearchResult.SearchResultCountAll;
    const { Keyword, LocationName, RemunerationMinimumAmount } = usualSearch;
    expect(await total({ LocationName, RemunerationMinimumAmount })).toBeGreaterThan(postings);
    expect(await total({ Keyword, RemunerationMinimumAmount })).toBeGreaterThan(postings);
    expect(await total({ Keyword, LocationName })).toBeGreaterThan(postings);
    expect(await total(usualSearch)).toBe(postings);
  });

  test('pay is compared by bucket', async () => {
    const total = async (amount: string) => (await search({ RemunerationMinimumAmount: amount })).SearchResultCountAll;
    expect(await total('124999')).toBe(await total('100000'));
    expect(await total('125000')).toBeLessThan(await total('124999'));
  });

  test('a location is searched around, and one that is still open is found everywhere', async () => {
    const near = await search({ ResultsPerPage: '500' });
    const names = near.SearchResultItems.flatMap(({ MatchedObjectDescriptor }) =>
      MatchedObjectDescriptor.PositionLocation.map(({ LocationName }) => LocationName.trim()),
    );
    expect(names).toContain('Chicago, Illinois');
    expect(names).toContain('Oak Park, Illinois');
    const exact = await search({ Radius: '1', ResultsPerPage: '500' });
    expect(exact.SearchResultCount).toBeLessThan(near.SearchResultCount);
    const open = exact.SearchResultItems.filter(({ MatchedObjectDescriptor }) =>
      MatchedObjectDescriptor.PositionLocation.some(({ Latitude, Longitude }) => Latitude === 0 && Longitude === 0),
    );
    expect(open.length).toBeGreaterThan(0);
  });

  test('the minimal answer leaves the long details out', async () => {
    const detailsOf = async (fields: string) =>
      (await search({ Fields: fields })).SearchResultItems.flatMap((item) =>
        Object.keys(item.MatchedObjectDescriptor.UserArea.Details),
      );
    expect(await detailsOf('Full')).toContain('MajorDuties');
    expect(await detailsOf('Min')).not.toContain('MajorDuties');
  });
});

describe('what is served', () => {
  test('the same seed gives the same bytes, another seed others', async () => {
    const body = async () => (await get({ ...usualSearch, Fields: 'Full' })).text();
    const first = await body();
    await restart({});
    expect(await body()).toBe(first);
    await restart({ seed: 8 });
    expect(await body()).not.toBe(first);
  });

  test('holds the habits and the dirt of the real thing', async () => {
    const text = await (await get({ ...usualSearch, Fields: 'Full', ResultsPerPage: '500' })).text();
    for (const habit of [
      '<c0>data</c0>',
      '\\r\\n',
      '&rsquo;',
      '"DepartmentName":""',
      '"LowGrade":"00"',
      '"Per Year"',
      '"RateIntervalCode":"PA"',
      '"RateIntervalCode":"Per Harvest"',
      '"MinimumRange":"0"',
      '"PositionRemuneration":[]',
      '" Chicago, Illinois"',
      'T00:00:00Z"',
      'T23:59:59.9970"',
    ]) {
      expect(text).toContain(habit);
    }
    const items = (JSON.parse(text) as Body).SearchResult.SearchResultItems.map((item) => item.MatchedObjectDescriptor);
    expect(items.filter(({ PositionTitle }) => PositionTitle === undefined)).toHaveLength(1);
    expect(items.filter(({ PositionLocation }) => PositionLocation.length > 400)).toHaveLength(1);
    const upsideDown = items.filter(
      ({ PositionRemuneration: [pay] }) => Number(pay?.MinimumRange) > Number(pay?.MaximumRange),
    );
    expect(upsideDown).toHaveLength(1);
  });

  test('a double without dirt has none', async () => {
    await restart({ dirty: false });
    expect(double.found().filter(({ dirt }) => dirt !== undefined)).toEqual([]);
    expect(double.found()).toHaveLength(postings);
  });
});

describe('another day', () => {
  test('a changed pay is the only change', async () => {
    const before = await search({ ResultsPerPage: '500' });
    const [id = ''] = ids(before);
    double.changePay(id, 120_001, 180_002);
    const after = await search({ ResultsPerPage: '500' });
    expect(ids(after)).toEqual(ids(before));
    const changed = after.SearchResultItems.filter(
      (item, at) => JSON.stringify(item) !== JSON.stringify(before.SearchResultItems[at]),
    );
    expect(changed.map(({ MatchedObjectId }) => MatchedObjectId)).toEqual([id]);
    expect(changed[0]?.MatchedObjectDescriptor.PositionRemuneration[0]).toMatchObject({
      MinimumRange: '120001',
      MaximumRange: '180002',
    });
  });

  test('postings come and go under numbers of their own', async () => {
    const before = double.found().map(({ id }) => id);
    const [gone = ''] = before;
    double.remove(gone);
    const added = double.add(2);
    const after = double.found().map(({ id }) => id);
    expect(after.toSorted()).toEqual([...before.filter((id) => id !== gone), ...added].toSorted());
    expect(() => double.remove(gone)).toThrow(gone);
  });

  test('only the ranking is another one', async () => {
    const before = await search({ ResultsPerPage: '500' });
    double.newDay();
    const after = await search({ ResultsPerPage: '500' });
    expect(ids(after)).not.toEqual(ids(before));
    expect(ids(after).toSorted()).toEqual(ids(before).toSorted());
  });
});

describe('the ledger', () => {
  test('holds every request with its page, parameters, status and ids, and no header', async () => {
    const result = await search({ Page: '2', ResultsPerPage: '10' });
    const { requests, dropped } = double.ledger();
    expect(dropped).toBe(0);
    expect(requests).toEqual([
      {
        at: expect.stringMatching(/^\d{4}-.*Z$/),
        params: { ...usualSearch, Page: '2', ResultsPerPage: '10' },
        page: '2',
        status: 200,
        served: ids(result),
      },
    ]);
    expect(double.distinctIds()).toEqual(ids(result).toSorted());
    expect(JSON.stringify(requests)).not.toContain(double.key);
  });

  test('is bounded', async () => {
    const empty = { ...usualSearch, Page: '99' };
    for (let batch = 0; batch < 41; batch += 1) {
      await Promise.all(Array.from({ length: 50 }, async () => (await get(empty)).arrayBuffer()));
    }
    const { requests, dropped } = double.ledger();
    expect(requests.length + dropped).toBe(2050);
    expect(requests).toHaveLength(2000);
  });
});

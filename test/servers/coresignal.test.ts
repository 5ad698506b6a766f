import { fork } from 'node:child_process';
import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type CoresignalDouble, startCoresignal } from './coresignal/double.ts';
import { matches, textQuery } from './coresignal/textQuery.ts';

let double: CoresignalDouble;
beforeEach(async () => {
  double = await startCoresignal({ postings: 25, credits: 3 });
});
afterEach(() => double.close());

const filter = {
  application_active: true,
  last_updated_gte: '2024-12-01 00:00:01',
  country: 'United States',
  title: '(Program manager) AND (Remote)',
  deleted: 0,
  industry: 'Software development',
};
const ask = (query = '', body: unknown = filter, key = double.key) =>
  fetch(`${double.url}/cdapi/v2/job_base/search/filter${query}`, {
    method: 'POST',
    headers: { apikey: key, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
const collect = (id: number | string) =>
  fetch(`${double.url}/cdapi/v2/job_base/collect/${id}`, { headers: { apikey: double.key } });
const told = async (response: Response) => [response.status, ((await response.json()) as { detail?: string }).detail];

describe('search', () => {
  test('gives bare ids in pages, with total, number of pages and an opaque cursor; it is free', async () => {
    const ids: number[] = [];
    let query = '?items_per_page=10';
    for (let pages = 0; pages < 3; pages += 1) {
      const response = await ask(query);
      expect(response.status).toBe(200);
      expect([response.headers.get('x-total-results'), response.headers.get('x-total-pages')]).toEqual(['25', '3']);
      ids.push(...((await response.json()) as number[]));
      const next = response.headers.get('x-next-page-after');
      if (pages < 2) expect(next).toMatch(/^"\d{4}-\d\d-\d\d",\d+$/);
      else expect(next).toBeNull();
      query = `?items_per_page=10&after=${encodeURIComponent(next ?? '')}`;
    }
    expect(ids).toEqual(double.found());
    expect(new Set(ids).size).toBe(25);
    expect(double.ledger()).toMatchObject({ searches: 3, credits: { spent: 0, remaining: 3 } });
  });

  test('heeds times and flags; other postings are there and left out', async () => {
    const later = { ...filter, last_updated_gte: '2024-12-01 12:00:01' };
    expect(double.found(later).length).toBeLessThan(double.found().length);
    expect(double.found({}).length).toBeGreaterThan(25);
    expect(double.found({ ...filter, deleted: false })).toEqual(double.found());
    expect(double.found({ deleted: 1 }).some((id) => double.found().includes(id))).toBe(false);
  });

  test('refuses what it cannot heed', async () => {
    expect((await ask('', filter, 'other')).status).toBe(401);
    expect((await ask('', { colour: 'red' })).status).toBe(422);
    expect((await ask('', { deleted: 'no' })).status).toBe(422);
    expect((await ask('?items_per_page=1001')).status).toBe(422);
    expect((await ask('?after=x')).status).toBe(422);
    const url = `${double.url}/cdapi/v2/job_base/search/filter`;
    expect((await fetch(url, { headers: { apikey: double.key } })).status).toBe(500);
  });
});

describe('collect', () => {
  test('gives a record for a credit, nothing for none, and counts who paid twice', async () => {
    const [first = 0, second = 0] = double.found();
    const response = await collect(first);
    expect(response.headers.get('x-credits-remaining')).toBe('2');
    expect(await response.json()).toMatchObject({ id: first, country: 'United States' });
    await collect(first);
    await collect(second);
    expect(await told(await collect(second))).toEqual([402, 'Insufficient credits']);
    const { credits, paid, collected } = double.ledger();
    expect({ credits, paid, collected }).toEqual({
      credits: { spent: 3, remaining: 0 },
      paid: { [first]: 2, [second]: 1 },
      collected: 3,
    });
  });

  test('of a lost or unknown id costs nothing', async () => {
    const [first = 0] = double.found();
    double.lose([first]);
    expect(await told(await collect(first))).toEqual([404, 'Not Found']);
    expect((await collect(1)).status).toBe(404);
    expect((await collect('x')).status).toBe(404);
    expect(double.found()).toContain(first);
    expect(double.ledger().credits).toEqual({ spent: 0, remaining: 3 });
  });

  test('records have the habits of the real ones', async () => {
    double.setCredits(1000);
    double.add(200);
    const records = await Promise.all(double.found().map(async (id) => (await collect(id)).json()));
    const of = (name: string) => new Set(records.map((record) => (record as Record<string, unknown>)[name]));
    expect(of('company_name')).toContain('');
    expect(of('deleted')).toEqual(new Set([0, false]));
    expect(of('application_active')).toEqual(new Set([1, true]));
    expect(of('applicants_count')).toContain('Over 200 applicants');
    expect([...of('description')].some((text) => String(text).includes('\u0001'))).toBe(true);
  });

  test('an update is found by its time and shows in the record', async () => {
    const [first = 0] = double.found();
    double.update([first], '2026-01-02T03:04:05Z');
    expect(double.found({ last_updated_gte: '2026-01-01 00:00:00' })).toEqual([first]);
    expect(await (await collect(first)).json()).toMatchObject({ last_updated: '2026-01-02 03:04:05' });
  });
});

describe('how it behaves', () => {
  test('beyond the rate it answers a bare 429, which costs nothing', async () => {
    double.behave({ perSecond: 5 });
    const answers = await Promise.all(Array.from({ length: 8 }, () => ask()));
    expect(answers.filter(({ status }) => status === 429)).toHaveLength(3);
    expect(answers.every(({ headers }) => headers.get('retry-after') === null)).toBe(true);
    expect(double.ledger()).toMatchObject({ busiestSecond: 8, throttled: 3, searches: 5 });
  });

  test('planned failures hit the endpoint they are for, before anything is charged', async () => {
    const [first = 0] = double.found();
    double.fail(1, 503, 'Collect');
    expect((await ask()).status).toBe(200);
    expect((await collect(first)).status).toBe(503);
    expect(double.ledger().credits.spent).toBe(0);
    double.reset();
    expect(double.ledger().requests).toEqual([]);
  });

  test.each([
    ['(Program manager) AND (Remote)', 'Remote PROGRAM MANAGER', true],
    ['(Program manager) AND (Remote)', 'Program lead, remote manager', false],
    ['a OR b AND NOT c', 'b c', false],
    ['a OR (b AND NOT c)', 'a c', true],
  ])('%s in %s: %s', (query, title, found) => {
    expect(matches(textQuery(query), title)).toBe(found);
  });

  test('runs as a process, is told what to do over HTTP and ends with SIGTERM', async () => {
    const main = new URL('./coresignal/main.ts', import.meta.url);
    const child = fork(main, ['--postings', '4', '--credits', '9', '--with-parent'], { silent: true, execArgv: [] });
    const [line] = (await once(child.stdout ?? child, 'data')) as [Buffer];
    const { url } = JSON.parse(line.toString()) as { url: string };
    const tell = (name: string, body: unknown) =>
      fetch(`${url}/_control/${name}`, { method: 'POST', body: JSON.stringify(body) });
    expect(await (await tell('add', { count: 2, at: '2026-01-01T00:00:00Z' })).json()).toMatchObject({
      ids: [expect.any(Number), expect.any(Number)],
    });
    expect(((await (await tell('found', {})).json()) as { ids: number[] }).ids).toHaveLength(6);
    expect((await tell('fail', { requests: 1, status: 200 })).status).toBe(400);
    expect((await tell('nothing', {})).status).toBe(404);
    expect(await (await fetch(`${url}/_control/ledger`)).json()).toMatchObject({ credits: { remaining: 9 } });
    child.kill('SIGTERM');
    expect(await once(child, 'exit')).toEqual([0, null]);
  });
});

import { readFile } from 'node:fs/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Dataset, parsePipeline } from '../../../src/api/index.ts';
import { readRaw } from '../../../src/lake/raw.ts';
import type { StepResult } from '../../../src/run/types.ts';
import { extract } from '../../../src/workers/extract.ts';
import { startUsajobs, type UsajobsDouble } from '../../servers/usajobs/double.ts';
import { Bench, type Setting } from './context.ts';

let double: UsajobsDouble;
let dataset: Dataset;
let bench: Bench;

beforeAll(async () => {
  double = await startUsajobs();
  const file = 'examples/usajobs/pipeline.yaml';
  const parsed = parsePipeline(await readFile(file, 'utf8'), file);
  const [first] = parsed.ok ? parsed.pipeline.spec.datasets : [];
  if (!first) throw new Error(`${file} has no dataset`);
  dataset = first;
});
afterAll(() => double.close());
beforeEach(async () => {
  bench = await Bench.open();
});
afterEach(async () => {
  double.reset();
  await bench.close();
});

/** The example's extract, with smaller pages and no waiting, against the double. */
async function run(setting: Partial<Setting> = {}): Promise<StepResult> {
  const { rest, ...others } = dataset.extract;
  if (!rest?.paging?.page) throw new Error('the example pages by number');
  const paging = { ...rest.paging, page: { ...rest.paging.page, size: 100 } };
  const context = await bench.context({
    params: { keyword: 'data engineering', location: 'Chicago, Illinois', minPay: 100_000 },
    secrets: { 'usajobs/api-key': double.key, 'usajobs/user-agent': double.agent },
    format: dataset.format,
    ...setting,
    extract: {
      ...others,
      limits: { key: 'usajobs-test', concurrency: 2 },
      retry: { attempts: 4, delay: '5ms', maxDelay: '1s' },
      rest: { ...rest, baseUrl: double.url, paging },
    },
  });
  return extract(context);
}

const digested = ({ ledger, partitions, source, complete }: StepResult) => ({ ledger, partitions, source, complete });

async function idsIn(result: StepResult): Promise<string[]> {
  const files = result.partitions?.[0]?.files ?? [];
  const bodies = await Promise.all(files.map(async ({ path }) => (await readRaw(bench.lake, path)).toString()));
  return bodies.flatMap((body) => [...body.matchAll(/"MatchedObjectId":"(\d+)"/g)].map(([, id = '']) => id));
}

describe('the USAJOBS example against the double of its API', () => {
  test('brings every posting that the search finds', async () => {
    const result = await run();
    const found = double.found().map(({ id }) => id);
    expect(await idsIn(result)).toEqual(found);
    expect(result).toMatchObject({
      complete: true,
      source: { total: found.length },
      ledger: { fetched: found.length },
    });
    expect(result.cost?.requests).toBe(Math.ceil(found.length / 100));
  });

  test('whatever happens to single requests, the result is that of an undisturbed run', async () => {
    const undisturbed = await run();
    double.fail(2, { kind: 'Status', status: 503 }, 1);
    double.fail(1, { kind: 'Status', status: 429, retryAfter: '1' }, 2);
    double.fail(1, { kind: 'Cut' }, 3);
    double.fail(1, { kind: 'Short' }, 4);
    const disturbed = await run({ key: 'key1' });
    const hashes = ({ partitions }: StepResult) => partitions?.map(({ rows, rowsHash }) => [rows, rowsHash]);
    expect(hashes(disturbed)).toEqual(hashes(undisturbed));
    expect(disturbed.cost?.requests).toBe((undisturbed.cost?.requests ?? 0) + 5);
  });

  test('an attempt that broke off is gone on with, and asks for no stored page again', async () => {
    double.fail(9, { kind: 'Status', status: 500 }, 5);
    await expect(run()).rejects.toMatchObject({ name: 'TransientError' });
    double.reset();
    const resumed = await run();
    expect(digested(await run())).toEqual(digested(resumed));
    const found = double.found().map(({ id }) => id);
    expect(await idsIn(resumed)).toEqual(found);
    expect(resumed.cost?.requests).toBe(Math.ceil(found.length / 100));
  });

  test.each<[string, string, () => void]>([
    ['a page for people', 'NotJson', () => double.fail(1, { kind: 'Html' }, 3)],
    ['a page that repeats for ever', 'PagesRepeat', () => double.behave({ repeat: 'Endless' })],
    ['a page that repeats below an honest total', 'PagesRepeat', () => double.behave({ repeat: 'Honest' })],
  ])('%s is %s', async (_, reason, spoil) => {
    spoil();
    await expect(run()).rejects.toMatchObject({ name: 'TerminalError', reason });
  });

  test('a wrong key is Unauthorized, and no key is in the message', async () => {
    const failure = run({ secrets: { 'usajobs/api-key': 'planted-canary', 'usajobs/user-agent': double.agent } });
    await expect(failure).rejects.toMatchObject({
      reason: 'Unauthorized',
      message: expect.stringMatching(/^(?!.*canary).*secret usajobs, key api-key \(header Authorization-Key\)/),
    });
  });

  test('half of the pages: complete as far as it goes, and said to be less than the source holds', async () => {
    double.behave({ half: 'Honest' });
    const result = await run();
    expect(result.notices).toMatchObject([{ reason: 'TotalNotReached' }]);
    expect(result.source?.total).toBe(double.found().length);
  });
});

import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { literal, row, withMemoryDatabase } from '../../src/connectors/duckdb.ts';
import { functionsDigest, registerFunctions, sqlFunctions } from '../../src/enrich/index.ts';

let connection: DuckDBConnection;
beforeAll(async () => {
  connection = await (await DuckDBInstance.create(':memory:')).connect();
  await registerFunctions(connection);
});
afterAll(() => connection.closeSync());

const value = async (sql: string, on = connection) => (await row(on, `SELECT ${sql} AS v`)).v;

describe('annual_pay', () => {
  const year = { PA: 50_000, 'Per Year': 50_000, 'per annum': 50_000, yearly: 50_000 };
  const hour = { PH: 104_350_000, 'Per Hour': 104_350_000, 'per hour ': 104_350_000, HOURLY: 104_350_000 };
  const day = { PD: 13_000_000, 'Per Day': 13_000_000, daily: 13_000_000 };
  const others = { BW: 1_300_000, 'Bi-weekly': 1_300_000, 'Bi Weekly': 1_300_000, PM: 600_000, 'Per Month': 600_000 };
  test.each(Object.entries({ ...year, ...hour, ...day, ...others }))(
    '50,000 %s is %d a year',
    async (interval, pay) => {
      expect(await value(`annual_pay(50000, ${literal(interval)})`)).toBe(`${pay}.00`);
    },
  );

  test.each(['PW', 'Piece Work', 'WC', 'Without Compensation', 'per fortnight', 'SY', '', 'PAPH'])(
    '%j has no annual pay',
    async (interval) => expect(await value(`annual_pay(50000, ${literal(interval)})`)).toBeNull(),
  );

  test.each(['24.57', 'DECIMAL(12,2) 24.57', 'DOUBLE 24.57', "'24.57'"])(
    '%s an hour is exact to the cent',
    async (amount) => {
      const sql = amount.replace(/^(\w.*) (\S+)$/, 'CAST($2 AS $1)');
      expect(await value(`annual_pay(${sql}, 'PH')`)).toBe('51277.59');
      expect(await value(`typeof(annual_pay(${sql}, 'PH'))`)).toBe('DECIMAL(12,2)');
    },
  );

  test('NULL in, NULL out', async () => {
    expect(await value(`annual_pay(NULL, 'PH')`)).toBeNull();
    expect(await value('annual_pay(1, NULL)')).toBeNull();
  });

  test('what does not fit is an error, which TRY turns into NULL, never a wrong amount', async () => {
    await expect(value(`annual_pay(99999999, 'PH')`)).rejects.toThrow(/out of range/);
    await expect(value(`annual_pay('much', 'PH')`)).rejects.toThrow(/Could not convert/);
    expect(await value(`TRY(annual_pay(99999999, 'PH'))`)).toBeNull();
  });
});

describe('experience_years and experience_mentions', () => {
  const postings = [
    ['2 to 4 years of experience; 7 years of experience preferred', 2, [2, 7]],
    ['TRES (03) AÑOS de experiencia', 3, [3]],
    ['No experience required', 0, [0]],
    ['Competitive pay', null, []],
    ['', null, []],
    [null, null, null],
  ] as const;

  test('give integers and lists of integers; nothing said is NULL and an empty list, NULL is NULL', async () => {
    const rows = postings.map(([text], index) => `(${index}, ${text === null ? 'NULL' : literal(text)})`);
    const reader = await connection.runAndReadAll(
      `SELECT experience_years(t), experience_mentions(t) FROM (VALUES ${rows.join()}) p(i, t) ORDER BY i`,
    );
    expect(reader.getRowsJson()).toEqual(postings.map(([, years, mentions]) => [years, mentions]));
    expect(await value(`typeof(experience_years(''))`)).toBe('INTEGER');
    expect(await value(`typeof(experience_mentions(''))`)).toBe('INTEGER[]');
  });

  test('work over many chunks and threads', async () => {
    const sums = await row(
      connection,
      `SELECT sum(experience_years(t)) AS years, sum(len(experience_mentions(t))) AS mentions, sum(i % 10 + 1) AS expected
       FROM (SELECT i, (i % 10 + 1) || ' years of experience as a clerk' AS t FROM range(50000) r(i))`,
    );
    expect(sums).toEqual({ years: '275000', mentions: '50000', expected: '275000' });
  });

  test('take text only', async () => {
    await expect(value('experience_years(5)')).rejects.toThrow(/No function matches/);
  });
});

describe('registering', () => {
  test('works on a database that is shut off, as often as one likes', async () => {
    const limits = { folders: [tmpdir()], memory: '256MB', temporary: tmpdir() };
    const pay = await withMemoryDatabase(limits, AbortSignal.timeout(30_000), async (locked) => {
      await registerFunctions(locked);
      await registerFunctions(locked);
      return value(`annual_pay(experience_years('2 years of experience'), 'PM')`, locked);
    });
    expect(pay).toBe('24.00');
  });

  test('leaves nothing in a database file, and serves its views, also when it is open for reading only', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'functions-'));
    const file = join(folder, 'warehouse.duckdb');
    try {
      await withFile(file, {}, async (warehouse) => {
        await warehouse.run(
          `CREATE VIEW pay AS SELECT annual_pay(10, 'PH') AS v, experience_years('1 year experience') AS y`,
        );
      });
      await withFile(file, { access_mode: 'READ_ONLY' }, async (reader) => {
        expect(await row(reader, 'SELECT * FROM pay')).toEqual({ v: '20870.00', y: 1 });
        expect(
          await value(
            `(SELECT count(*) FROM duckdb_functions() WHERE database_name = 'warehouse' AND NOT internal)`,
            reader,
          ),
        ).toBe('0');
      });
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

async function withFile(
  file: string,
  options: Record<string, string>,
  work: (connection: DuckDBConnection) => Promise<void>,
): Promise<void> {
  const instance = await DuckDBInstance.create(file, options);
  const opened = await instance.connect();
  try {
    await registerFunctions(opened);
    await work(opened);
  } finally {
    opened.closeSync();
    instance.closeSync();
  }
}

describe('functionsDigest', () => {
  const none = functionsDigest(['SELECT 1']);
  const pay = functionsDigest(['annual_pay(min_pay, pay_interval)']);

  test('depends on the functions that are named, not on the texts around them', () => {
    expect(functionsDigest([])).toBe(none);
    expect(pay).not.toBe(none);
    expect(functionsDigest(['SELECT "ANNUAL_PAY" (a, b) FROM t', 'x > 1'])).toBe(pay);
    expect(functionsDigest(['experience_years(d)'])).not.toBe(functionsDigest(['experience_mentions(d)']));
    expect(functionsDigest(['my_annual_pay(a)', 'annual_payment'])).toBe(none);
    expect(functionsDigest(['experience_years(d)', 'annual_pay(a, b)'])).toBe(
      functionsDigest(['annual_pay(a, b) + experience_years(d)']),
    );
  });
});

test('every function is described for its reader, and is what its signature says', async () => {
  const names = sqlFunctions.map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
  for (const { name, signature, description, rules } of sqlFunctions) {
    expect(signature).toMatch(new RegExp(`^${name}\\(.+\\) → [A-Z]`));
    expect(description.length).toBeGreaterThan(40);
    expect(rules).not.toBe('');
    expect(await value(`(SELECT count(*) FROM duckdb_functions() WHERE function_name = ${literal(name)})`)).not.toBe(
      '0',
    );
  }
});

describe('the guide', async () => {
  const guide = await readFile(new URL('../../docs/guide/sql-functions.md', import.meta.url), 'utf8');
  const examples = Array.from(
    guide.matchAll(/^\| `(?<call>\w+\(.*\))` \| `(?<result>[^`]+)` \|$/gm),
    ({ groups }) => groups,
  );

  test('names every function by its signature', () => {
    expect(examples.length).toBeGreaterThanOrEqual(20);
    for (const { signature } of sqlFunctions) expect(guide).toContain(`\`${signature}\``);
  });

  test.each(examples)('$call is $result', async ({ call, result } = {}) => {
    expect(await value(`coalesce(CAST(${call} AS VARCHAR), 'NULL')`)).toBe(result);
  });
});

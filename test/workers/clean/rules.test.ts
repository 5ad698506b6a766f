import { describe, expect, it } from 'vitest';
import type { Row } from '../../../src/connectors/duckdb.ts';
import { TerminalError } from '../../../src/run/errors.ts';
import { cleaned, type Dataset, valuesOf } from './harness.ts';

const lines = (...records: unknown[]): string[] => [records.map((record) => JSON.stringify(record)).join('\n')];
const id = { name: 'id', type: 'string', from: '$.id' } as const;

describe('rules of a column', () => {
  it('null words, of the dataset or of the column', async () => {
    const found = ['N/A', ' n/a ', 'Ningúno', 'na', '', 'a'];
    expect(await valuesOf({ type: 'string' }, found, { nulls: ['', 'n/a', 'ninguno'] })).toEqual([
      ...[null, null, null, 'na', null, 'a'],
    ]);
    expect(await valuesOf({ type: 'string', nulls: ['na'] }, found, { nulls: ['n/a'] })).toEqual([
      ...['N/A', 'n/a', 'Ningúno', null, null, 'a'],
    ]);
  });

  it('map compares trimmed, without case and accents, and lets other texts pass', async () => {
    const map = { 'Per Year': 'PA', día: 'PD', gone: '' };
    const found = ['per year', ' DIA ', 'Día', 'Hourly', 'GONE', 'PA'];
    expect(await valuesOf({ type: 'string', map }, found)).toEqual(['PA', 'PD', 'PD', 'Hourly', null, 'PA']);
  });

  it('accepted, pattern, min and max', async () => {
    expect(await valuesOf({ type: 'string', accepted: ['PA', 'PH'] }, ['PA', 'pa', null])).toEqual([
      ...['PA', '✗ accepted', null],
    ]);
    expect(await valuesOf({ type: 'integer', accepted: ['1', '2'] }, ['2.0', '3'])).toEqual([2, '✗ accepted']);
    expect(await valuesOf({ type: 'string', pattern: '^[0-9]{4}$' }, ['1234', '12345'])).toEqual(['1234', '✗ pattern']);
    expect(await valuesOf({ type: 'decimal(5,2)', min: '-1.5', max: '10' }, ['-1.5', '-1.51', '10', '10.01'])).toEqual([
      ...['-1.50', '✗ min', '10.00', '✗ max'],
    ]);
    expect(
      await valuesOf({ type: 'list<integer>', max: '9' }, [
        [1, 9],
        [1, 10],
      ]),
    ).toEqual([[1, 9], '✗ max']);
  });

  it('required: null, blank and null words are missing; so is an empty list', async () => {
    expect(await valuesOf({ type: 'string', required: true }, ['a', '', null], {})).toEqual([
      ...['a', '✗ required', '✗ required'],
    ]);
    expect(await valuesOf({ type: 'list<string>', required: true }, [['a'], [], ['']])).toEqual([
      ...[['a'], '✗ required', '✗ required'],
    ]);
    expect(await valuesOf({ type: 'integer', required: true }, ['x'])).toEqual(['✗ type']);
  });

  it('parse.regex takes a part out; where it finds none, the value is an error', async () => {
    const found = ['https://jobs.test/view/42/', 'https://jobs.test/view/', null];
    expect(await valuesOf({ type: 'integer', parse: { regex: '([0-9]+)/?$' } }, found)).toEqual([42, '✗ parse', null]);
    expect(await valuesOf({ type: 'string', parse: { regex: '(?i)VIEW' } }, found)).toEqual(['view', 'view', null]);
  });

  it('several rules broken by one value are all told', async () => {
    expect(await valuesOf({ type: 'string', accepted: ['a'], pattern: '^b' }, ['x'])).toEqual(['✗ accepted,pattern']);
  });

  it('aliases: the first place that holds something', async () => {
    const { rows } = await cleaned({
      format: { jsonl: {} },
      key: ['id'],
      clean: { columns: [id, { name: 'v', type: 'integer', from: '$.new', aliases: ['$.old', '$.older'] }] },
      bodies: lines({ id: 'a', new: 1, old: 2 }, { id: 'b', new: ' ', old: 2 }, { id: 'c', older: 3 }, { id: 'd' }),
    });
    expect(rows.map(({ v }) => v)).toEqual([1, 2, 3, null]);
  });

  it('onError SetNull costs the value only and is told', async () => {
    const { rows, ledger, notices } = await cleaned({
      format: { jsonl: {} },
      key: ['id'],
      clean: { columns: [id, { name: 'v', type: 'integer', from: '$.v', min: '0', onError: 'SetNull' }] },
      bodies: lines({ id: 'a', v: 'x' }, { id: 'b', v: -1 }, { id: 'c', v: 1 }, { id: 'd' }),
    });
    expect(rows.map(({ v }) => v)).toEqual([null, null, 1, null]);
    expect(ledger.rejected).toEqual({});
    expect(notices).toEqual(['ValuesSetNull: column v: 2 values broke a rule and became null']);
  });

  it('onError Fail ends the step and names column, rule and how many', async () => {
    const dataset: Dataset = {
      format: { jsonl: {} },
      key: ['id'],
      clean: { columns: [id, { name: 'v', type: 'integer', from: '$.v', min: '0', onError: 'Fail' }] },
      bodies: lines({ id: 'a', v: 'secret' }, { id: 'b', v: 'x' }, { id: 'c', v: -1 }),
    };
    const error = await cleaned(dataset).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(TerminalError);
    expect(error).toMatchObject({ reason: 'RuleBroken' });
    expect(String(error)).toContain('column v: the rule min is broken by 1 row (and 1 more such rules by others)');
    expect(String(error)).not.toContain('secret');
    const fine = await cleaned({ ...dataset, bodies: lines({ id: 'a', v: 1 }) });
    expect(fine.ledger.clean).toBe(1);
  });
});

describe('computed columns', () => {
  it('see earlier columns and what is ours; an error costs its row only', async () => {
    const { rows, quarantine, ledger } = await cleaned({
      format: { jsonl: {} },
      key: ['id'],
      clean: {
        columns: [
          id,
          { name: 'pay', type: 'decimal(12,2)', from: '$.pay' },
          { name: 'text', type: 'string', from: '$.text' },
          { name: 'yearly', type: 'decimal(12,2)', sql: "annual_pay(pay, 'PH')" },
          { name: 'double', type: 'double', sql: 'yearly * 2 -- a comment' },
          { name: 'number', type: 'integer', sql: 'CAST(text AS INTEGER)', min: '5' },
          { name: 'seen', type: 'timestamp', sql: "date_trunc('hour', _as_of)" },
          { name: 'uri', type: 'string', sql: '_source_uri', case: 'Upper' },
        ],
      },
      bodies: lines({ id: 'a', pay: 10, text: '7' }, { id: 'b', pay: 10, text: 'x' }, { id: 'c', text: '4' }),
    });
    expect(rows).toMatchObject([
      {
        id: 'a',
        yearly: '20870.00',
        double: 41740,
        number: 7,
        seen: '2026-11-20 06:00:00',
        uri: 'HTTPS://SOURCE.TEST/0',
      },
    ]);
    expect(quarantine.map(({ key, reasons }) => [key, reasons])).toEqual([
      ['["b"]', ['number:sql:']],
      ['["c"]', ['number:min:4']],
    ]);
    expect(ledger.rejected).toEqual({ 'min:number': 1, 'sql:number': 1 });
  });

  it('may depend on one another over many levels; reasons stand in column order', async () => {
    const chain = Array.from({ length: 20 }, (_, at) => {
      const sql = at === 0 ? 'n + 1' : `s${at - 1} + 1`;
      return { name: `s${at}`, type: 'integer', sql, ...(at === 12 && { max: '20' }) };
    });
    const { rows, quarantine } = await cleaned({
      format: { jsonl: {} },
      key: ['id'],
      clean: {
        columns: [
          id,
          { name: 'n', type: 'integer', from: '$.n' },
          { name: 'double', type: 'integer', sql: 'n * 2', max: '20' },
          { name: 'last', type: 'string', from: '$.last', accepted: ['x'] },
          ...chain,
        ],
      },
      bodies: lines({ id: 'a', n: 1 }, { id: 'b', n: 11, last: 'y' }, 'broken by its key'),
    });
    expect(rows).toMatchObject([{ id: 'a', double: 2, s0: 2, s19: 21 }]);
    expect(quarantine.map(({ reasons }) => reasons)).toEqual([
      ['double:max:22', 'last:accepted:y', 's12:max:24'],
      ['id:required:'],
    ]);
  });

  it('an expression that is wrong ends the step before anything is read', async () => {
    const error = await cleaned({
      format: { jsonl: {} },
      key: ['id'],
      clean: { columns: [id, { name: 'v', type: 'string', sql: 'upper(idd)' }] },
      bodies: lines({ id: 'a' }),
    }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ reason: 'RuleInvalid' });
    expect(String(error)).toContain(
      'postings.clean.columns[1].sql: names idd, which is not an earlier column; did you mean id?',
    );
  });
});

describe('rules of a row', () => {
  const columns = [id, { name: 'n', type: 'integer', from: '$.n' }] as const;
  const dataset = (clean: Omit<Dataset['clean'], 'columns'>, ...numbers: unknown[]): Dataset => ({
    format: { jsonl: {} },
    key: ['id'],
    clean: { columns: [...columns], ...clean },
    bodies: lines(...numbers.map((n, at) => ({ id: `${at}`, n }))),
  });

  it('where: false and null are filtered, an error is a reason', async () => {
    const { rows, ledger, quarantine } = await cleaned(
      dataset({ where: '10 // (n - 3) > 2 AND CAST(id AS INTEGER) < 4' }, 4, 9, null, 5),
    );
    expect(rows.map(({ n }) => n)).toEqual([4, 5]);
    expect(ledger).toMatchObject({ read: 4, clean: 2, filtered: 2, rejected: {} });
    expect(quarantine).toEqual([]);
    const failing = await cleaned(dataset({ where: "CAST(replace(n::VARCHAR, '2', 'two') AS INTEGER) > 0" }, 1, 2, 3));
    expect(failing.ledger).toMatchObject({ clean: 2, filtered: 0, rejected: { 'sql:where': 1 } });
  });

  it('checks: Warn tells, Reject quarantines, Fail ends; null passes, errors do not', async () => {
    const check = { name: 'small', sql: 'n < 3' } as const;
    const warned = await cleaned(dataset({ checks: [{ ...check, severity: 'Warn' }] }, 1, 3, null));
    expect(warned.ledger.clean).toBe(3);
    expect(warned.notices).toEqual(['CheckWarned: check small: 1 of 3 rows do not meet n < 3']);

    const rejected = await cleaned(
      dataset(
        {
          checks: [
            { ...check, severity: 'Reject' },
            { name: 'odd', sql: 'n % 2 = 1', severity: 'Reject' },
          ],
        },
        1,
        4,
        null,
      ),
    );
    expect(rejected.ledger).toMatchObject({ clean: 2, rejected: { small: 1 } });
    expect(rejected.quarantine.map(({ reasons }) => reasons)).toEqual([[':small:', ':odd:']]);

    await expect(cleaned(dataset({ checks: [{ ...check, severity: 'Fail' }] }, 1, 3))).rejects.toMatchObject({
      reason: 'CheckFailed',
    });
    await expect(cleaned(dataset({ checks: [{ ...check, severity: 'Fail' }] }, 1, 2))).resolves.toBeDefined();

    const failing = { name: 'text', sql: "CAST('x' || n AS INTEGER) > 0", severity: 'Warn' } as const;
    expect((await cleaned(dataset({ checks: [failing] }, 1))).notices).toHaveLength(1);
  });

  it('checks: some percent of rows may fail before anything is said', async () => {
    const check = { name: 'small', sql: 'n < 3', severity: 'Fail', maxFailPercent: 50 } as const;
    expect((await cleaned(dataset({ checks: [check] }, 1, 3))).notices).toEqual([]);
    await expect(cleaned(dataset({ checks: [check] }, 1, 3, 3))).rejects.toThrow(
      '2 of 3 rows do not meet n < 3, more than the 50 % allowed',
    );
  });

  it('checks: the number of rows', async () => {
    const few = { name: 'few', rowCount: { min: 1, max: 2 }, severity: 'Warn' } as const;
    expect((await cleaned(dataset({ checks: [few] }, 1, 2))).notices).toEqual([]);
    expect((await cleaned(dataset({ checks: [few] }, 1, 2, 3))).notices).toEqual([
      'CheckWarned: check few: there are 3 rows, at most 2 expected',
    ]);
    expect((await cleaned(dataset({ checks: [few] }))).notices).toEqual([
      'CheckWarned: check few: there are 0 rows, at least 1 expected',
    ]);
    await expect(cleaned(dataset({ checks: [{ ...few, severity: 'Fail' }] }))).rejects.toMatchObject({
      reason: 'CheckFailed',
    });
  });
});

describe('one row for each key', () => {
  const records = lines(
    { id: 'a', v: 1, n: 'first' },
    { id: 'a', v: 3, n: 'greatest' },
    { id: 'a', v: 2, n: 'last' },
    { id: 'b', v: null, n: 'null' },
    { id: 'b', v: 0, n: 'zero' },
    { id: 'c', v: 1, n: 'one' },
    { id: 'c', v: 1, n: 'one again' },
  );
  const run = (dedupe: 'Latest' | 'First' | 'Fail', version?: string) =>
    cleaned({
      format: { jsonl: {} },
      key: ['id'],
      ...(version === undefined ? {} : { version }),
      clean: {
        dedupe,
        columns: [id, { name: 'v', type: 'integer', from: '$.v' }, { name: 'n', type: 'string', from: '$.n' }],
      },
      bodies: records,
    });

  const namesOf = ({ rows }: { rows: readonly Row[] }) => rows.map(({ n }) => n);

  it('Latest: the greatest version, of equal ones the last', async () => {
    const latest = await run('Latest', 'v');
    expect(namesOf(latest)).toEqual(['greatest', 'zero', 'one again']);
    expect(latest.ledger).toMatchObject({ read: 7, clean: 3, deduplicated: 4 });
    expect(namesOf(await run('Latest'))).toEqual(['last', 'zero', 'one again']);
  });

  it('First: the first', async () => {
    expect(namesOf(await run('First', 'v'))).toEqual(['first', 'null', 'one']);
  });

  it('Fail: the step ends and says how many', async () => {
    const error = await run('Fail').catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ reason: 'DuplicateKey' });
    expect(String(error)).toContain('4 rows have a key (id) that another row has');
  });

  it('a rejected row takes no key from a good one', async () => {
    const { rows, ledger } = await cleaned({
      format: { jsonl: {} },
      key: ['id'],
      clean: { columns: [id, { name: 'n', type: 'integer', from: '$.n' }] },
      bodies: lines({ id: 'a', n: 1 }, { id: 'a', n: 'x' }),
    });
    expect(rows).toMatchObject([{ id: 'a', n: 1 }]);
    expect(ledger).toMatchObject({ clean: 1, rejected: { 'type:n': 1 }, deduplicated: 0 });
  });
});

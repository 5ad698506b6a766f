import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Cleaned, cleaned, type Dataset } from './harness.ts';

const rules: Omit<Dataset, 'bodies' | 'format'> & { readonly clean: Dataset['clean'] } = {
  key: ['id'],
  version: 'version',
  seen: true,
  clean: {
    nulls: ['', 'n/a'],
    where: 'pay IS NULL OR pay >= 10',
    columns: [
      { name: 'id', type: 'string', from: 'id', pattern: '^[a-z0-9]+$' },
      { name: 'version', type: 'integer', from: 'version', required: true },
      { name: 'pay', type: 'decimal(8,2)', from: 'pay', min: '0' },
      { name: 'interval', type: 'string', from: 'interval', accepted: ['PA', 'PH'], onError: 'SetNull' },
      { name: 'per_version', type: 'double', sql: 'CAST(1000 // (version - 2) AS DOUBLE)' },
    ],
    checks: [{ name: 'affordable', sql: 'pay < 1000', severity: 'Reject' }],
  },
};

function expectConserved({ ledger, rows, quarantine, seen, result }: Cleaned): void {
  const rejected = Object.values(ledger.rejected).reduce((sum, count) => sum + count, 0);
  expect(ledger.read + ledger.expanded).toBe(ledger.clean + rejected + ledger.filtered + ledger.deduplicated);
  expect(rows).toHaveLength(ledger.clean);
  expect(quarantine).toHaveLength(rejected);
  expect(seen).toHaveLength(ledger.read);
  expect((result.partitions ?? []).reduce((sum, partition) => sum + partition.rows, 0)).toBe(ledger.clean);
  expect(new Set(rows.map(({ id }) => id)).size).toBe(rows.length);
  const first = quarantine.map(({ reasons }) => reasons[0]?.split(':').slice(0, 2) ?? []);
  const byRule = Object.groupBy(first, ([column, rule]) => (column === '' ? `${rule}` : `${rule}:${column}`));
  expect(Object.fromEntries(Object.entries(byRule).map(([rule, found]) => [rule, found?.length]))).toEqual(
    ledger.rejected,
  );
  expect(quarantine.every(({ reasons }) => reasons.length > 0)).toBe(true);
}

describe('the ledger', () => {
  it('is what it should be for one of each kind', async () => {
    const text = [
      'id,version,pay,interval',
      'a,1,100,PA',
      'a,5,200,PH', // newer: the one above is a duplicate
      'b,1,5,PA', // filtered
      'c,1,n/a,PD', // the interval becomes null
      'd,1,-1,PD', // min
      'E!,x,1,PA', // pattern, type and sql: counted once
      ',1,20,PA', // no key
      'f,2,20,PA', // division by zero gives null, not an error
      'g,1,2000,PA', // the check
      'h,1', // broken
      'i,1,"20,PA', // broken
      'j,1,30,PA',
    ].join('\n');
    const result = await cleaned({ ...rules, format: { csv: {} }, bodies: [text] });
    expect(result.ledger).toEqual({
      read: 12,
      expanded: 0,
      clean: 4,
      rejected: { affordable: 1, csv: 2, 'min:pay': 1, 'pattern:id': 1, 'required:id': 1 },
      filtered: 1,
      deduplicated: 1,
    });
    expect(result.rows.map(({ id, pay, interval }) => [id, pay, interval])).toEqual([
      ['a', '200.00', 'PH'],
      ['c', null, null],
      ['f', '20.00', 'PA'],
      ['j', '30.00', 'PA'],
    ]);
    expect(result.quarantine.find(({ row }) => row === 7)?.reasons).toEqual(['id:pattern:E!', 'version:type:x']);
    expect(result.notices).toEqual(['ValuesSetNull: column interval: 1 value broke a rule and became null']);
    expectConserved(result);
  });

  const cell = fc.oneof(
    { weight: 3, arbitrary: fc.constantFrom('a', 'b', 'c', '1', '2', '3', '20', '999') },
    {
      weight: 1,
      arbitrary: fc.constantFrom(
        '',
        ' ',
        'n/a',
        '-1',
        '1.5',
        'PA',
        'PD',
        'é"',
        '"',
        'x,y',
        'two\nlines',
        '1e9',
        '٣',
        '\u0000',
        '💼',
      ),
    },
    { weight: 1, arbitrary: fc.string({ maxLength: 6 }) },
  );

  it('adds up for any CSV, however damaged', async () => {
    const line = fc.oneof(
      {
        weight: 6,
        arbitrary: fc.array(cell, { minLength: 4, maxLength: 4 }).map((cells) => cells.map(quoted).join(',')),
      },
      { weight: 1, arbitrary: fc.array(cell, { maxLength: 6 }).map((cells) => cells.join(',')) },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(line, { maxLength: 30 }), async (lines) => {
        const body = ['id,version,pay,interval', ...lines].join('\n');
        expectConserved(await cleaned({ ...rules, format: { csv: {} }, bodies: [body] }));
      }),
      { numRuns: 20 },
    );
  });

  it('adds up for any JSON lines, in several bodies', async () => {
    const value = fc.oneof(
      cell,
      fc.integer({ min: -5, max: 2000 }),
      fc.boolean(),
      fc.constant(null),
      fc.array(cell, { maxLength: 2 }),
      fc.double(),
    );
    const record = fc.record({ id: value, version: value, pay: value, interval: value }, { requiredKeys: [] });
    const line = fc.oneof(
      { weight: 8, arbitrary: record.map((fields) => JSON.stringify(fields)) },
      { weight: 1, arbitrary: fc.oneof(fc.json(), fc.string({ maxLength: 8 })) },
    );
    const columns = rules.clean.columns.map((column) =>
      column.from === undefined ? column : { ...column, from: `$.${column.from}` },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(line, { maxLength: 15 }), { maxLength: 3 }), async (bodies) => {
        const dataset = { ...rules, clean: { ...rules.clean, columns }, format: { jsonl: {} } };
        expectConserved(await cleaned({ ...dataset, bodies: bodies.map((lines) => lines.join('\n')) }));
      }),
      { numRuns: 20 },
    );
  });
});

const quoted = (text: string): string => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);

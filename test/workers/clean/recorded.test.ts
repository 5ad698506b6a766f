import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { cleaned, type Dataset } from './harness.ts';

// Recorded answers of the real service. They are not part of the project: without them these tests are left out.
const recorded = join(import.meta.dirname, '..', '..', '..', '..', 'shared', 'data', 'usajobs');

const posting = '$.MatchedObjectDescriptor';
const pay = `${posting}.PositionRemuneration[0]`;
const intervals = { 'Per Year': 'PA', 'Per Hour': 'PH', 'Per Day': 'PD', 'Without Compensation': 'WC' };

const dataset: Omit<Dataset, 'bodies'> = {
  format: { json: { records: '$.SearchResult.SearchResultItems[*]' } },
  key: ['matched_object_id'],
  seen: true,
  clean: {
    columns: [
      { name: 'matched_object_id', type: 'string', from: '$.MatchedObjectId' },
      { name: 'position_title', type: 'string', from: `${posting}.PositionTitle`, required: true },
      { name: 'position_uri', type: 'string', from: `${posting}.PositionURI`, required: true },
      { name: 'department_name', type: 'string', from: `${posting}.DepartmentName` },
      { name: 'position_location', type: 'list<string>', from: `${posting}.PositionLocation[*].LocationName` },
      { name: 'position_remuneration', type: 'json', from: `${posting}.PositionRemuneration` },
      { name: 'min_pay', type: 'decimal(12,2)', from: `${pay}.MinimumRange`, min: '0' },
      { name: 'max_pay', type: 'decimal(12,2)', from: `${pay}.MaximumRange`, min: '0' },
      {
        name: 'pay_interval',
        type: 'string',
        from: `${pay}.RateIntervalCode`,
        map: intervals,
        accepted: ['PA', 'PH', 'PD', 'WC'],
      },
      { name: 'annual_max_pay', type: 'decimal(12,2)', sql: 'annual_pay(max_pay, pay_interval)' },
      { name: 'required_years', type: 'integer', sql: 'experience_years(position_title)' },
      { name: 'published_at', type: 'timestamp', from: `${posting}.PublicationStartDate`, required: true },
      { name: 'relevance', type: 'double', from: '$.RelevanceRank' },
    ],
    checks: [{ name: 'pay-range', sql: 'min_pay <= max_pay', severity: 'Fail' }],
  },
};

describe.skipIf(!existsSync(recorded))('recorded USAJOBS pages, where this machine has them', () => {
  it('a page of 500 gives 500 rows: 449 yearly and 51 hourly pays', async () => {
    const body = readFileSync(join(recorded, 'usajobs_742_page1_500items.json'));
    const before = performance.now();
    const { rows, ledger, notices } = await cleaned({ ...dataset, bodies: [body] });
    expect(performance.now() - before).toBeLessThan(20_000);
    expect(ledger).toEqual({ read: 500, expanded: 0, clean: 500, rejected: {}, filtered: 0, deduplicated: 0 });
    const counts = Object.entries(Object.groupBy(rows, ({ pay_interval }) => String(pay_interval)));
    expect(Object.fromEntries(counts.map(([interval, found]) => [interval, found?.length]))).toEqual({
      PA: 449,
      PH: 51,
    });
    expect(rows.filter(({ department_name }) => department_name === null)).toHaveLength(12);
    expect(
      rows.every(({ position_location }) => (position_location as string[]).every((place) => place.trim() === place)),
    ).toBe(true);
    expect(notices).toEqual([]);
  });

  it('a posting with its location still open, whose department is blank, is a row', async () => {
    const body = readFileSync(join(recorded, 'usajobs_2016_8items.json'));
    const { rows } = await cleaned({ ...dataset, bodies: [body] });
    expect(rows).toHaveLength(8);
    expect(rows.some(({ department_name }) => department_name === null)).toBe(true);
  });
});

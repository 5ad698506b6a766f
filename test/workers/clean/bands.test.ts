import { expect, it } from 'vitest';
import { cleaned } from './harness.ts';

const age = { name: 'age', type: 'integer', from: '$.age', min: '14', onError: 'SetNull' } as const;
const labels = ['<18', '18-28', '29-39', '40-49', '50-59', '60+'];
const bands = { of: 'age', edges: [18, 29, 40, 50, 60], labels };

const bandsOf = async (ages: readonly unknown[], more: object = {}) => {
  const { rows, quarantine } = await cleaned({
    format: { jsonl: {} },
    key: ['n'],
    clean: {
      columns: [
        { name: 'n', type: 'integer', from: '$.n' },
        age,
        { name: 'age_band', type: 'string', bands, ...more },
        { name: 'shout', type: 'string', sql: 'upper(age_band)' },
      ],
    },
    bodies: [ages.map((value, n) => JSON.stringify({ n, age: value })).join('\n')],
  });
  return { rows, reasons: quarantine.map(({ reasons }) => reasons.join()) };
};

it('a band holds its lower edge; what is below the first and from the last edge on has a band as well', async () => {
  const ages = [14, 17, 18, 28, 29, 39, 40, 49, 50, 59, 60, 110];
  const { rows } = await bandsOf(ages);
  expect(rows.map(({ age_band }) => age_band)).toEqual(labels.flatMap((label) => [label, label]));
});

it('no number has no band, be it absent or refused', async () => {
  const { rows } = await bandsOf([null, 3, 'x']);
  expect(rows.map(({ age_band }) => age_band)).toEqual([null, null, null]);
});

it('is held against rules as other columns are, and seen by those after it', async () => {
  const { rows, reasons } = await bandsOf([20, null, 70], { required: true, accepted: labels.slice(0, -1) });
  expect(rows.map(({ age_band, shout }) => [age_band, shout])).toEqual([['18-28', '18-28']]);
  expect(reasons).toEqual(['age_band:required:', 'age_band:accepted:60+']);
});

it('edges may be fractions, negative and large, and labels hold quotes', async () => {
  const { rows } = await cleaned({
    format: { csv: {} },
    key: ['pay'],
    clean: {
      columns: [
        { name: 'pay', type: 'decimal(30,2)', from: 'pay' },
        {
          name: 'band',
          type: 'string',
          bands: { of: 'pay', edges: [-0.5, 0.5, 1e21], labels: ['debt', 'none', "a worker's", 'beyond'] },
        },
      ],
    },
    bodies: ['pay\n-0.51\n-0.50\n0.49\n0.50\n1000000000000000000.00\n2000000000000000000000.00\n'],
  });
  const bandOf = new Map(rows.map(({ pay, band }) => [pay, band]));
  expect([...bandOf].toSorted(([a], [b]) => Number(a) - Number(b)).map(([, band]) => band)).toEqual([
    ...['debt', 'none', 'none', "a worker's", "a worker's", 'beyond'],
  ]);
});

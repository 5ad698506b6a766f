import { literal, literals } from '../connectors/duckdb.ts';
import type { SqlFunction } from './function.ts';

/**
 * How often an amount is paid in a year, by the code of USAJOBS and by name, in lower-case letters only. 2,087 hours
 * is the federal divisor (5 U.S.C. 5504(b)). Piece work, work without compensation and what is not listed have none.
 */
const timesPerYear: readonly (readonly [times: number, intervals: readonly string[]])[] = [
  [1, ['pa', 'peryear', 'year', 'yearly', 'perannum', 'annual', 'annually']],
  [2087, ['ph', 'perhour', 'hour', 'hourly']],
  [260, ['pd', 'perday', 'day', 'daily']],
  [26, ['bw', 'biweekly']],
  [12, ['pm', 'permonth', 'month', 'monthly']],
];

const letters = `regexp_replace(lower(pay_interval), ${literal('[^a-z]')}, '', 'g')`;
const times = timesPerYear.map(([factor, intervals]) => `WHEN ${letters} IN ${literals(intervals)} THEN ${factor}`);

/** A macro, not a TypeScript function: DuckDB's decimals are exact, take every kind of number and need no call out. */
const macro =
  'annual_pay(amount, pay_interval) AS ' +
  `CAST(CAST(amount AS DECIMAL(18,4)) * CASE ${times.join(' ')} END AS DECIMAL(12,2))`;

/** Pay of any interval as pay of a year. */
export const annualPay: SqlFunction = {
  name: 'annual_pay',
  signature: 'annual_pay(amount DECIMAL, pay_interval VARCHAR) → DECIMAL(12,2)',
  description:
    'Pay of a year: an amount per hour × 2087, per day × 260, every two weeks × 26, per month × 12, per year × 1; ' +
    'NULL for piece work, without compensation and an unknown interval.',
  rules: macro,
  // Temporary: it belongs to the connection, so that nothing of ours is written into a warehouse file.
  register: async (connection) => {
    await connection.run(`CREATE OR REPLACE TEMP MACRO ${macro}`);
  },
};

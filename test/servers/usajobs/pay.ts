import type { Random } from './random.ts';

/** A pay range as the API shows it: amounts are text. */
export interface Remuneration {
  MinimumRange: string;
  MaximumRange: string;
  RateIntervalCode: string;
  Description?: string;
}

/** How often a rate is paid in a year, and how either generation of the API spells it. */
const yearly = { old: 'Per Year', code: 'PA', perYear: 1 };
const others = [
  { old: 'Per Hour', code: 'PH', perYear: 2087 },
  { old: 'Per Day', code: 'PD', perYear: 260 },
  { old: 'Bi-weekly', code: 'BW', perYear: 26 },
  { old: 'Per Month', code: 'PM', perYear: 12 },
];

/** A range whose top is at least 104,000 USD a year, or for `low` at most 92,000. */
export function makePay(from: Random, modern: boolean, low: boolean): { shown: Remuneration; annual: number } {
  const interval = from.chance(0.88) ? yearly : from.pick(others);
  const top = low ? from.integer(38_000, 92_000) : from.integer(104_000, 195_000);
  const amount = (annual: number) => money(from, annual / interval.perYear);
  const shown: Remuneration = {
    MinimumRange: amount(top * 0.7),
    MaximumRange: amount(top),
    RateIntervalCode: modern ? interval.code : interval.old,
    ...(modern && { Description: interval.old }),
  };
  return { shown, annual: top };
}

/** Amounts are text: whole for salaries, sometimes with four decimals, with cents for rates. */
function money(from: Random, amount: number): string {
  if (amount < 1000) return amount.toFixed(from.chance(0.1) ? 1 : 2);
  return from.chance(0.08) ? amount.toFixed(4) : amount.toFixed(0);
}

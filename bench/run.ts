/** `npm run bench [name…]`: speed as ratios of two contenders within one run; figures of different runs or machines do not compare. */
import type { Comparison } from './compare.ts';
import { paging } from './paging.ts';
import { steps } from './steps.ts';

const all: Readonly<Record<string, () => Promise<Comparison[]>>> = { steps, paging };
const names = process.argv.slice(2);
for (const [name, bench] of Object.entries(all)) {
  if (names.length > 0 && !names.includes(name)) continue;
  for (const { name: what, aim, ours, theirs, ratio } of await bench()) {
    console.log(`${what}\n  ours ${shown(ours)} s; theirs ${shown(theirs)} s; ${ratio.toFixed(2)} (aim: ${aim})`);
  }
}
process.exit(0);

function shown(seconds: readonly number[]): string {
  const sorted = seconds.toSorted((a, b) => a - b);
  const at = (share: number) => (sorted[Math.round(share * (sorted.length - 1))] ?? Number.NaN).toFixed(3);
  return `${at(0)} … ${at(0.5)} … ${at(1)}`;
}

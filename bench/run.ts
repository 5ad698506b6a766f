/**
 * `npm run bench [name…]`: speed as ratios of two contenders within one run, and figures of the controller with many
 * Pipelines, and of a pool under load; figures of different runs or machines do not compare.
 */
import { loadavg } from 'node:os';
import { findKubernetes, howToGetKubernetes } from '../test/servers/kubernetes/binaries.ts';
import { findNode } from '../test/servers/kubernetes/nodeBinaries.ts';
import { api } from './api.ts';
import { backfill } from './backfill.ts';
import { collect } from './collect.ts';
import type { Comparison } from './compare.ts';
import { controller, type Measurement } from './controller.ts';
import { image } from './image.ts';
import { packs } from './packs.ts';
import { paging } from './paging.ts';
import { scaling } from './scaling.ts';
import { steps } from './steps.ts';

interface Measuring {
  readonly run: () => AsyncIterable<Measurement> | Promise<readonly Measurement[]>;
  /** What the machine still needs for it, if anything. */
  readonly lacks: () => string | undefined;
}

const comparisons: Readonly<Record<string, () => AsyncIterable<Comparison> | Promise<readonly Comparison[]>>> = {
  steps,
  paging,
  api,
  collect,
  packs,
  backfill,
  image,
};
const measurements: Readonly<Record<string, Measuring>> = {
  controller: { run: controller, lacks: () => (findKubernetes() === undefined ? howToGetKubernetes : undefined) },
  scaling: {
    run: scaling,
    lacks: () => {
      const node = findNode();
      return 'missing' in node ? node.missing : undefined;
    },
  },
};
const names = process.argv.slice(2);
const isAsked = ([name]: readonly [string, unknown]): boolean => names.length === 0 || names.includes(name);

for (const [, bench] of Object.entries(comparisons).filter(isAsked)) {
  for await (const { name: what, aim, ours, theirs, ratio } of await bench()) {
    console.log(`${what}\n  ours ${shown(ours)} s; theirs ${shown(theirs)} s; ${ratio.toFixed(2)} (aim: ${aim})`);
  }
}
for (const [name, { run, lacks }] of Object.entries(measurements).filter(isAsked)) {
  const missing = lacks();
  if (missing !== undefined) {
    console.log(`${name}: skipped, this machine needs ${missing}`);
    continue;
  }
  for await (const { what, found, aim } of await run()) {
    console.log(`${what.padEnd(60)} ${found}${aim === undefined ? '' : ` (aim: ${aim})`}`);
  }
  console.log(
    `load of the machine: ${loadavg()
      .map((load) => load.toFixed(1))
      .join(', ')}`,
  );
}
process.exit(0);

function shown(seconds: readonly number[]): string {
  const sorted = seconds.toSorted((a, b) => a - b);
  const at = (share: number) => (sorted[Math.round(share * (sorted.length - 1))] ?? Number.NaN).toFixed(3);
  return `${at(0)} … ${at(0.5)} … ${at(1)}`;
}

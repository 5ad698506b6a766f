import { knownWarehouse, serverIdentity } from '../controller/standalone/identities.ts';
import { lakeOf } from '../controller/standalone/lake.ts';
import { secretReader } from '../controller/standalone/secrets.ts';
import type { RunRequest } from '../run/plan.ts';
import { type DatasetPlan, type PlanSummary, summarise } from '../run/summary.ts';
import { planInput } from '../workers/plan.ts';
import { loadManifest, type Override } from './manifest.ts';
import { dataDirOption, fromOption, outputOption, paramOption, setOption } from './options.ts';
import { print } from './output.ts';
import { requestOf } from './request.ts';
import type { Verb } from './verb.ts';

interface PlanOptions {
  readonly dataDir: string;
  readonly set: readonly Override[];
  readonly param: readonly Override[];
  readonly from: RunRequest['from'];
  readonly dataset?: string[];
  readonly secretsDir?: string;
  readonly output: string;
}

/** `jobpulse plan`: what a run would do now, what not, and why. Changes nothing and asks no source. */
export const plan: Verb = (program) => {
  program
    .command('plan')
    .description('show what a run would do, what it would not, and why; changes nothing')
    .argument('<manifest>', 'YAML file of a Pipeline')
    .addOption(dataDirOption())
    .addOption(setOption())
    .addOption(paramOption())
    .addOption(fromOption())
    .option('--dataset <name...>', 'only these datasets')
    .option('--secrets-dir <folder>', 'folder with a file <name>/<key> per secret; default: environment variables')
    .addOption(outputOption())
    .action(async (file: string, options: PlanOptions) => {
      const summary = await planOf(file, options);
      print(summary, options.output, planText);
    });
};

async function planOf(file: string, options: PlanOptions): Promise<PlanSummary> {
  const { pipeline } = await loadManifest(file, options.set);
  const { params, datasets } = requestOf(pipeline, options);
  const input = await planInput(lakeOf(options.dataDir, pipeline.metadata.name), pipeline, {
    run: {
      name: 'plan',
      asOf: new Date().toISOString(),
      from: options.from,
      ...(datasets.length > 0 ? { datasets } : {}),
    },
    params,
    warehouse:
      serverIdentity(pipeline, secretReader({ env: process.env, ...options }).read) ?? knownWarehouse(options.dataDir),
    failures: [],
  });
  return summarise(input);
}

function planText({ pipeline, datasets, models }: PlanSummary): string {
  return [
    ...datasets.map((dataset) => datasetText(pipeline, dataset)),
    ...models.map(({ name, builds, why }) => `${pipeline}/${name}: ${builds ? 'build' : 'no build yet'} (${why})`),
  ].join('\n');
}

function datasetText(
  pipeline: string,
  { name, extract, clean, load, compact, unavailable, notAsked, why }: DatasetPlan,
): string {
  const asks =
    extract.requests === null
      ? 'ask the source (never asked before)'
      : `ask the source (${extract.requests} requests last time)`;
  const parts = [
    extract.asks ? asks : '0 requests',
    ...windowTexts(extract),
    ...(clean.slices > 0 ? [`re-clean ${clean.slices} slices from ${clean.bytes} bytes of raw: 0 requests`] : []),
    ...(load === 'Rebuild' ? ['rebuild the table'] : load === 'Append' ? ['load a slice that is waiting'] : []),
    ...(compact.packs > 0
      ? [
          `bring ${compact.manifests} manifests and their files together in ${compact.packs} packs when all else is done: 0 requests`,
        ]
      : []),
    ...(unavailable.length > 0
      ? [`${unavailable.length} slices can no longer be re-cleaned (raw expired): ${unavailable.join(', ')}`]
      : []),
    ...(notAsked.length > 0 ? [`the source cannot be asked about ${notAsked.join(', ')}`] : []),
  ];
  return [`${pipeline}/${name}: ${parts.join('; ')}`, ...why.map((reason) => `  because ${reason}`)].join('\n');
}

/** What would be asked for of a source that can be asked about periods, and what is left for later. */
function windowTexts({ slices, asked = [], left = 0 }: DatasetPlan['extract']): string[] {
  if (slices === undefined) return [];
  const [newest] = asked;
  return [
    `${slices} slices missing or open${newest === undefined ? '' : `, newest first from ${newest}`}`,
    ...(left > 0 ? [`${left} of them left to later runs (extract.window.maxSlicesPerRun)`] : []),
  ];
}

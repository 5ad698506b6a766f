import type { Pipeline } from '../api/index.ts';
import { analyseModels } from '../connectors/warehouses/analyse.ts';
import { functionsDigest } from '../enrich/index.ts';
import { type Lake, putSpec } from '../lake/lake.ts';
import { layout } from '../lake/layout.ts';
import { claimLake } from '../lake/owner.ts';
import type { PlanPayload, PlanResult, QueuedStep } from '../queue/payload.ts';
import { coverageOf, windowsOf } from '../run/extracts.ts';
import { judgeFailures } from '../run/failures.ts';
import { inWords } from '../run/intervals.ts';
import { canonical, sha256 } from '../run/key.ts';
import { datasetsOf, type PlanInput, plan } from '../run/plan.ts';
import { buildReport } from '../run/report.ts';
import { type DatasetSpecs, type PipelineSpecs, type Resolved, resolveSpecs } from '../run/specs.ts';
import type { Failure, Step } from '../run/types.ts';
import { itemLists } from './items.ts';
import { forgetSettled, readPublished, rememberSettled } from './published.ts';

/** All that planning needs to know, read from the lake. Shared by the plan job and `jobpulse plan`. */
export async function planInput(
  lake: Lake,
  pipeline: Pipeline,
  asked: Pick<PlanPayload, 'run' | 'params' | 'warehouse' | 'failures'> & Partial<Pick<PlanPayload, 'startedAt'>>,
): Promise<PlanInput> {
  const params = resolveParams(pipeline, asked.params);
  const tablesOf = await analyseModels(pipeline);
  const specs = resolveSpecs(pipeline, { params, tablesOf, warehouse: asked.warehouse, functions: functionsDigest });
  const slice = { asOf: asked.run.asOf, params: sha256(canonical(params)).slice(0, 8) };
  const { run, failures, startedAt = run.asOf } = asked;
  const wanted = { pipeline: lake.pipeline, run, slice, specs, failures };
  const [known, expired] = await Promise.all([readPublished(lake, wanted, startedAt), listExpired(lake)]);
  return { ...wanted, ...known, expired };
}

/** What a plan job may use beside the lake. */
export interface PlanTools {
  readonly crashPoint: (name: string) => void;
  /** Folder for files that are needed for a moment. */
  readonly scratch: string;
}

/**
 * The plan job: stores the specs that steps will be run by and returns the steps that are missing;
 * when none is, writes the run's report.
 */
export async function planRun(
  lake: Lake,
  payload: PlanPayload,
  failures: readonly Failure[],
  { crashPoint, scratch }: PlanTools,
): Promise<PlanResult> {
  const pipeline = payload.pipeline as Pipeline;
  const adopt = pipeline.metadata.annotations?.['jobpulse.dev/adopt'] === 'true';
  await claimLake(lake, { installation: payload.installation, pipeline: lake.pipeline, adopt });
  const known = await planInput(lake, pipeline, { ...payload, failures: [...payload.failures, ...failures] });
  const input = { ...known, items: await itemLists(lake, known, scratch) };
  const steps = plan(input);
  if (payload.run.refresh) await forgetSettled(lake, input);
  if (steps.length > 0) {
    const used = new Set(steps.map(({ spec }) => spec));
    await Promise.all(
      allSpecs(input.specs)
        .filter(({ digest }) => used.has(digest))
        .map(({ value }) => putSpec(lake, value as never)),
    );
    return { steps: await Promise.all(steps.map((step) => toQueued(lake, step))), failures };
  }
  await rememberSettled(lake, input, payload.startedAt);
  const report = reportOf(input, pipeline, payload.startedAt);
  crashPoint('in-report');
  await lake.store.putIfAbsent(layout.runReport(payload.run.name), Buffer.from(JSON.stringify(report)));
  return { steps: [], failures, report };
}

/** Longest list of inputs that travels in a payload, in characters. */
const inlineInputs = 4096;

async function toQueued(lake: Lake, step: Step): Promise<QueuedStep> {
  if (step.inputs.join().length <= inlineInputs) return { step };
  return { step: { ...step, inputs: [] }, inputsAt: await putSpec(lake, step.inputs) };
}

function reportOf(input: PlanInput, pipeline: Pipeline, startedAt: string) {
  const { run, pipeline: name, specs, manifests } = input;
  const { holding, leftOut } = judgeFailures(input);
  return buildReport({
    run: run.name,
    pipeline: name,
    asOf: run.asOf,
    interval: run.interval ?? null,
    status: holding.length > 0 ? 'Failed' : 'Succeeded',
    seconds: (Date.now() - Date.parse(startedAt)) / 1000,
    datasets: specs.datasets.map((dataset) => dataset.name),
    models: (pipeline.spec.transform?.models ?? []).map((model) => model.name),
    manifests,
    failures: holding,
    leftOut,
    periods: new Map(datasetsOf(input).flatMap((dataset) => periodsOf(input, dataset))),
  });
}

/** What a report tells of a dataset's periods; snapshots have some only in a run about a period. */
function periodsOf(input: PlanInput, specs: DatasetSpecs): [string, ReturnType<typeof periods>][] {
  const isAboutPeriods = specs.extract.value.extract.window !== undefined || input.run.interval !== undefined;
  return isAboutPeriods ? [[specs.name, periods(input, specs)]] : [];
}

function periods(input: PlanInput, specs: DatasetSpecs) {
  const { covered, unavailable } = coverageOf(input, specs);
  const slicesMissing = windowsOf(input, specs)?.left ?? 0;
  return { covered: inWords(covered), unavailable: inWords(unavailable), slicesMissing };
}

const allSpecs = (specs: PipelineSpecs): readonly Resolved<object>[] => [
  ...specs.datasets.flatMap(({ extract, clean, load, rebuild, compact }) => [extract, clean, load, rebuild, compact]),
  ...specs.models.map(({ model }) => model),
  specs.sweep,
];

/** The declared defaults with the run's own values over them, each of its declared type. */
export function resolveParams(
  pipeline: Pipeline,
  given: PlanPayload['params'],
): Record<string, string | number | boolean> {
  const values = new Map((given ?? []).map(({ name, value }) => [name, value]));
  return Object.fromEntries(
    (pipeline.spec.params ?? []).map(({ name, type, default: fallback }) => {
      const text = values.get(name) ?? fallback ?? '';
      return [
        name,
        type === 'Integer' || type === 'Number' ? Number(text) : type === 'Boolean' ? text === 'true' : text,
      ];
    }),
  );
}

async function listExpired(lake: Lake): Promise<ReadonlySet<string>> {
  const keys = new Set<string>();
  for await (const { path } of lake.store.list('_jobpulse/expired'))
    keys.add(path.replace(/^.*\//, '').replace('.json', ''));
  return keys;
}

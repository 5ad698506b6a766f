import { manifestDigest } from '../lake/lake.ts';
import { judgeFailures } from './failures.ts';
import { finishedSlices } from './slices.ts';
import type { CleanSpec, ExtractSpec, LoadSpec, ModelSpec, PipelineSpecs, Resolved } from './specs.ts';
import { cleanStep, isOf, step } from './steps.ts';
import type { ExtractLedger, Failure, Manifest, Slice, Step } from './types.ts';

/** What a run asks for. */
export interface RunRequest {
  readonly name: string;
  readonly asOf: string;
  /** The first stage that may work; stages before it are left as they are. */
  readonly from: 'Extract' | 'Clean' | 'Load' | 'Transform';
  /** Datasets to work on; absent = all. */
  readonly datasets?: readonly string[];
}

export interface PlanInput {
  readonly pipeline: string;
  readonly run: RunRequest;
  readonly slice: Slice;
  readonly specs: PipelineSpecs;
  /** Every published manifest of the pipeline. */
  readonly manifests: readonly Manifest[];
  /** What has already failed for good in this run: it is not planned again, and what depends on it waits for the next run. */
  readonly failures: readonly Failure[];
  /** Keys of extract steps whose raw bytes are beyond their retention. */
  readonly expired: ReadonlySet<string>;
}

/** The steps that are missing now and can run now, in any order. None = the run has nothing left to do. */
export type Plan = readonly Step[];

/** At most this many steps in one wave; the rest follows in the next. */
const waveLimit = 1000;

/**
 * Compares what is wanted with what is published. A pure function: called again after each wave,
 * after a crash or with an empty Redis, it finds exactly what is still missing.
 */
export function plan(input: PlanInput): Plan {
  const published = new Map(input.manifests.map((manifest) => [manifest.key, manifest]));
  const { holding } = judgeFailures(input);
  const wanted = input.run.datasets ? new Set(input.run.datasets) : undefined;
  const datasets = input.specs.datasets.filter(({ name }) => !wanted || wanted.has(name));
  const open = datasets.map(({ name, ...specs }) => ({
    name,
    steps: planDataset({ ...input, published, holding, dataset: name }, specs),
  }));
  const unsettled = new Set([
    ...open.filter(({ steps }) => steps.length > 0).map(({ name }) => name),
    ...holding.map(({ dataset }) => dataset),
  ]);
  const known = { ...input, published, holding };
  const steps = [...open.flatMap((dataset) => dataset.steps), ...planModels(known, unsettled)];
  if (steps.length > 0) return steps.slice(0, waveLimit);
  return input.run.from === 'Extract' ? planSweep(known) : [];
}

interface Known extends PlanInput {
  readonly published: ReadonlyMap<string, Manifest>;
  readonly holding: readonly Failure[];
}
interface DatasetInput extends Known {
  readonly dataset: string;
}
interface DatasetSpecs {
  readonly extract: Resolved<ExtractSpec>;
  readonly clean: Resolved<CleanSpec>;
  readonly load: Resolved<LoadSpec>;
  readonly rebuild: Resolved<LoadSpec>;
}

function planDataset(input: DatasetInput, specs: DatasetSpecs): Plan {
  const failed = new Set(input.failures.map(({ key }) => key));
  const missing = (steps: readonly Step[]) => steps.filter(({ key }) => !failed.has(key));
  const { from } = input.run;
  const extract = from === 'Extract' ? missing(planExtract(input, specs.extract)) : [];
  const clean = from === 'Extract' || from === 'Clean' ? missing(planClean(input, specs.clean)) : [];
  if (extract.length > 0 || clean.length > 0) return [...extract, ...clean];
  if (from === 'Transform' || input.holding.some(({ dataset }) => dataset === input.dataset)) return [];
  return missing(planLoad(input, specs));
}

/**
 * The next parts of this run's snapshot. Part 0 shows how much one part brings; where the source tells its total and
 * positions can be computed, the other parts are planned side by side, otherwise one after the other.
 */
function planExtract(input: DatasetInput, spec: Resolved<ExtractSpec>): Plan {
  const first = extractStep(input, spec, 0, undefined);
  const head = input.published.get(first.key);
  if (!head) return [first];
  if (!head.source?.next) return [];
  if (head.source.tally) return followChain(input, spec, head);
  const fetched = (head.ledger as ExtractLedger).fetched;
  const known = head.source.total !== undefined && fetched > 0 ? Math.ceil(head.source.total / fetched) : 2;
  const parts = Array.from({ length: known - 1 }, (_, at) => extractStep(input, spec, at + 1, head));
  const open = parts.filter(({ key }) => !input.published.has(key));
  if (open.length > 0) return open;
  return followLast(input, spec, head, known - 1);
}

/** A source that gave more than its total promised goes on, part after part, until a part is the last. */
function followLast(input: DatasetInput, spec: Resolved<ExtractSpec>, head: Manifest, from: number): Plan {
  for (let part = from; ; part += 1) {
    const step = extractStep(input, spec, part, head);
    const manifest = input.published.get(step.key);
    if (!manifest) return [step];
    if (!manifest.source?.next) return [];
  }
}

/** The part after the last of those that each say where the next begins, and read the one before. */
function followChain(input: DatasetInput, spec: Resolved<ExtractSpec>, head: Manifest): Plan {
  for (let last = head, part = 1; last.source?.next !== undefined; part += 1) {
    const step = extractStep(input, spec, part, last);
    const manifest = input.published.get(step.key);
    if (!manifest) return [step];
    last = manifest;
  }
  return [];
}

function extractStep(
  input: DatasetInput,
  spec: Resolved<ExtractSpec>,
  part: number,
  before: Manifest | undefined,
): Step {
  return step(input, 'Extract', input.dataset, spec, input.slice, String(part), before ? [before] : []);
}

/** Raw manifests that lack a clean manifest under today's rules: this run's as soon as they are there, history's once finished. */
function planClean(input: DatasetInput, spec: Resolved<CleanSpec>): Plan {
  const current = input.manifests.filter(
    ({ dataset, stage, slice }) => dataset === input.dataset && stage === 'Extract' && slice.asOf === input.slice.asOf,
  );
  const history = finishedSlices(input.manifests, input.dataset).flatMap(({ parts }) => parts);
  const raw = [...new Set([...current, ...history])].filter(({ key }) => !input.expired.has(key));
  const cleanedBefore = new Set(spec.value.clean.onChange === 'Forward' ? cleanedInputs(input) : []);
  return raw
    .filter((manifest) => !cleanedBefore.has(manifestDigest(manifest)))
    .map((manifest) => cleanStep(input, input.dataset, spec, manifest))
    .filter(({ key }) => !input.published.has(key));
}

const cleanedInputs = (input: DatasetInput): string[] =>
  input.manifests
    .filter(({ dataset, stage }) => dataset === input.dataset && stage === 'Clean')
    .flatMap(({ inputs }) => inputs);

/** A finished snapshot with one clean manifest per part. */
interface CleanSlice {
  readonly slice: Slice;
  /** Extract and Clean manifests: the load needs to know both the rows and whether the snapshot was whole. */
  readonly inputs: readonly Manifest[];
}

/** Under today's rules where the raw bytes still are; else as they were cleaned last. */
function cleanSlices(input: DatasetInput, spec: Resolved<CleanSpec>): readonly CleanSlice[] {
  const lastCleaned = new Map<string, Manifest>();
  for (const manifest of input.manifests) {
    const [raw] = manifest.inputs;
    if (manifest.dataset !== input.dataset || manifest.stage !== 'Clean' || !raw) continue;
    const known = lastCleaned.get(raw);
    if (!known || known.finishedAt < manifest.finishedAt) lastCleaned.set(raw, manifest);
  }
  return finishedSlices(input.manifests, input.dataset).flatMap(({ slice, parts }) => {
    const clean = parts.map(
      (part) =>
        input.published.get(cleanStep(input, input.dataset, spec, part).key) ?? lastCleaned.get(manifestDigest(part)),
    );
    return clean.every((manifest) => manifest !== undefined) ? [{ slice, inputs: [...parts, ...clean] }] : [];
  });
}

/**
 * The oldest snapshot that is not in the table yet; or, when the table was built by other rules, the whole table anew.
 * One load at a time, because loads of one table are serial.
 */
function planLoad(input: DatasetInput, specs: DatasetSpecs): Plan {
  const slices = cleanSlices(input, specs.clean);
  const loads = inOrder(input.manifests.filter(({ dataset, stage }) => dataset === input.dataset && stage === 'Load'));
  const last = loads.at(-1);
  // What was loaded before the table was last built anew is in it only if that build read it too.
  const since = loads.slice(
    Math.max(
      0,
      loads.findLastIndex(({ part }) => part.startsWith('rebuild')),
    ),
  );
  const loaded = new Set(since.flatMap(({ inputs }) => inputs));
  const isLoaded = (manifest: Manifest) => loaded.has(manifestDigest(manifest));
  const open = slices.filter(({ inputs }) => !inputs.every(isLoaded));
  const newest = slices.at(-1);
  const otherRules = last !== undefined && !isOf(input, last, specs.load);
  const cleanedAnew = open.some(({ inputs }) => inputs.some(isLoaded));
  if (newest && last && (otherRules || cleanedAnew)) {
    // The part names the load it replaces: going back to earlier rules is new work, not the old manifest.
    const inputs = slices.flatMap((slice) => slice.inputs);
    return [step(input, 'Load', input.dataset, specs.rebuild, newest.slice, `rebuild.${last.key}`, inputs)];
  }
  return open
    .slice(0, 1)
    .map(({ slice, inputs }) => step(input, 'Load', input.dataset, specs.load, slice, '0', inputs));
}

/** Models whose inputs are settled in this run and that were not last built from what there is now, dependencies first. */
function planModels(input: Known, unsettled: ReadonlySet<string>): Plan {
  const failed = new Set(input.failures.map(({ key }) => key));
  const waiting = new Set(unsettled);
  const steps: Step[] = [];
  for (const { name, tables, model } of input.specs.models) {
    const inputs = tables.map((table) => unchangedSince(input.manifests, table));
    const known = inputs.filter((manifest) => manifest !== undefined);
    const step = known.length === tables.length ? modelStep(input, name, model, known) : undefined;
    const blocked = !step || failed.has(step.key) || tables.some((table) => waiting.has(table));
    if (!blocked && input.published.has(step.key)) continue;
    waiting.add(name);
    if (!blocked) steps.push(step);
  }
  return steps;
}

/** The step that built the model as it stands, if that is what is wanted; else one that replaces it. */
function modelStep(input: Known, name: string, spec: Resolved<ModelSpec>, inputs: readonly Manifest[]): Step {
  const newest = inputs.map(({ slice }) => slice).toSorted((a, b) => (a.asOf < b.asOf ? 1 : -1))[0] ?? input.slice;
  const builds = input.manifests.filter(({ dataset, stage }) => dataset === name && stage === 'Transform');
  const last = inOrder(builds).at(-1);
  const wanted = step(input, 'Transform', name, spec, newest, last?.part ?? '0', inputs);
  if (!last || last.key === wanted.key) return wanted;
  return step(input, 'Transform', name, spec, newest, `after.${last.key}`, inputs);
}

/** The first manifest of the newest unbroken row of loads (or builds) of a table that gave the same rows. */
function unchangedSince(manifests: readonly Manifest[], table: string): Manifest | undefined {
  const ofTable = manifests.filter(
    ({ dataset, stage }) => dataset === table && (stage === 'Load' || stage === 'Transform'),
  );
  const builds = inOrder(ofTable).reverse();
  const rows = (manifest: Manifest | undefined) => manifest?.partitions[0]?.rowsHash;
  const broken = builds.findIndex((build) => rows(build) !== rows(builds[0]));
  return builds[broken === -1 ? builds.length - 1 : broken - 1];
}

/** Once a UTC day, when all else is done: what nobody names any more is removed. */
function planSweep(input: Known): Plan {
  const day: Slice = { asOf: `${input.run.asOf.slice(0, 10)}T00:00:00.000Z`, params: '' };
  const sweep = step(input, 'Sweep', '_pipeline', input.specs.sweep, day, '0', []);
  const failed = input.failures.some(({ key }) => key === sweep.key);
  return failed || input.published.has(sweep.key) ? [] : [sweep];
}

/** In the order in which they were published. */
const inOrder = (manifests: readonly Manifest[]): Manifest[] =>
  manifests.toSorted((a, b) => (`${a.finishedAt} ${a.key}` < `${b.finishedAt} ${b.key}` ? -1 : 1));

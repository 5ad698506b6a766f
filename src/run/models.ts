import type { Known } from './plan.ts';
import type { ModelSpec, Resolved } from './specs.ts';
import { inOrder, step } from './steps.ts';
import type { Manifest, Step } from './types.ts';

/** Models whose inputs are settled in this run and that were not last built from what there is now, dependencies first. */
export function planModels(input: Known, unsettled: ReadonlySet<string>): readonly Step[] {
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

import type { Dataset, Pipeline } from '../pipeline.ts';
import { type Finding, nearest, type Path, shown } from '../problem.ts';

/**
 * A demand on a whole pipeline that a schema cannot say. A pure function, so that the command line, the controller
 * and a test ask the same question; it returns everything that is wrong.
 */
export type Policy = (pipeline: Pipeline) => Finding[];

/** The datasets of a pipeline with their places. */
export const datasetsOf = ({ spec }: Pipeline): { readonly dataset: Dataset; readonly at: Path }[] =>
  spec.datasets.map((dataset, index) => ({ dataset, at: ['spec', 'datasets', index] }));

/** A finding if a name is none of the known ones. */
export function unknownName(at: Path, name: string, what: string, known: readonly string[]): Finding[] {
  if (known.includes(name)) return [];
  const suggestion = nearest(name, known);
  return [
    {
      at,
      what: `found ${shown(name)}, which is no ${what}`,
      found: shown(name),
      allowed: listed(known),
      ...(suggestion === undefined ? {} : { suggestion }),
      fix: suggestion === undefined ? `Name a ${what}, or declare ${shown(name)}.` : `Write ${suggestion}.`,
    },
  ];
}

/** Findings for a list of names, one place each. */
export const unknownNames = (at: Path, names: readonly string[], what: string, known: readonly string[]): Finding[] =>
  names.flatMap((name, index) => unknownName([...at, index], name, what, known));

/** A list of names for a message; a dataset can have hundreds of columns. */
function listed(names: readonly string[]): string {
  if (names.length === 0) return 'nothing';
  const some = names.slice(0, 40).join(', ');
  return names.length <= 40 ? some : `${some}, … (${names.length} in all)`;
}

import type { DatasetInput } from './plan.ts';
import type { ExtractSpec, Resolved } from './specs.ts';
import { step } from './steps.ts';
import type { ExtractLedger, Manifest, Slice, Step } from './types.ts';

/** The step for a part, given the manifest of the part it starts from. */
type PartOf = (part: number, before: Manifest | undefined) => Step;

/**
 * The next parts of a slice. Part 0 shows how much one part brings; where the source tells its total and positions can
 * be computed, the other parts are planned side by side, otherwise one after the other.
 */
export function planParts(input: DatasetInput, spec: Resolved<ExtractSpec>, slice: Slice): readonly Step[] {
  const partOf: PartOf = (part, before) =>
    step(input, 'Extract', input.dataset, spec, slice, String(part), before ? [before] : []);
  const first = partOf(0, undefined);
  const head = input.published.get(first.key);
  if (!head) return [first];
  if (!head.source?.next) return [];
  if (head.source.tally) return followChain(input, partOf, head);
  const fetched = (head.ledger as ExtractLedger).fetched;
  const known = head.source.total !== undefined && fetched > 0 ? Math.ceil(head.source.total / fetched) : 2;
  const parts = Array.from({ length: known - 1 }, (_, at) => partOf(at + 1, head));
  const open = parts.filter(({ key }) => !input.published.has(key));
  if (open.length > 0) return open;
  return followLast(input, partOf, head, known - 1);
}

/** A source that gave more than its total promised goes on, part after part, until a part is the last. */
function followLast({ published }: DatasetInput, partOf: PartOf, head: Manifest, from: number): readonly Step[] {
  for (let part = from; ; part += 1) {
    const step = partOf(part, head);
    const manifest = published.get(step.key);
    if (!manifest) return [step];
    if (!manifest.source?.next) return [];
  }
}

/** The part after the last of those that each say where the next begins, and read the one before. */
function followChain({ published }: DatasetInput, partOf: PartOf, head: Manifest): readonly Step[] {
  for (let last = head, part = 1; last.source?.next !== undefined; part += 1) {
    const step = partOf(part, last);
    const manifest = published.get(step.key);
    if (!manifest) return [step];
    last = manifest;
  }
  return [];
}

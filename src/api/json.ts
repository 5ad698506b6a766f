import type { Json } from '../run/key.ts';
import { type Finding, type Path, shown } from './problem.ts';

export type PlainResult =
  | { readonly ok: true; readonly value: Json }
  | { readonly ok: false; readonly finding: Finding };

const maxDepth = 64;
const maxValues = 200_000;

/**
 * A copy that is nothing but JSON: no value stands in it twice, as aliases make it, so that changing one place changes
 * no other; nothing in it is endless or of a kind that JSON does not have.
 */
export function plainJson(value: unknown): PlainResult {
  let left = maxValues;
  let finding: Finding | undefined;
  const refuse = (at: Path, what: string, found: string, fix: string): null => {
    finding ??= { at, what, found, fix };
    return null;
  };
  const copy = (source: unknown, at: Path): Json => {
    left -= 1;
    if (finding) return null;
    if (left < 0) return refuse([], `has more than ${maxValues} values`, 'too many values', 'Split it.');
    if (at.length > maxDepth) return refuse([], `is nested deeper than ${maxDepth} levels`, 'nesting', 'Flatten it.');
    if (source === null || typeof source === 'string' || typeof source === 'boolean') return source;
    if (typeof source === 'number' && Number.isFinite(source)) return source;
    if (Array.isArray(source)) return source.map((item, index) => copy(item, [...at, index]));
    if (typeof source === 'object' && isPlain(source)) {
      return Object.fromEntries(Object.entries(source).map(([name, member]) => [name, copy(member, [...at, name])]));
    }
    return refuse(
      at,
      `is ${shown(String(source))}, which is not JSON`,
      typeof source,
      'Write text or a finite number.',
    );
  };
  const copied = copy(value, []);
  return finding ? { ok: false, finding } : { ok: true, value: copied };
}

const isPlain = (value: object): boolean => {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype;
};

import type { Json } from '../../../run/key.ts';
import { amount } from './quantity.ts';

/**
 * Whether all that is wanted is there. What is there besides is the API server's defaults, or somebody else's, and none
 * of our business; so equality would never hold.
 */
export function covers(there: Json | undefined, wanted: Json | undefined): boolean {
  if (there === wanted || wanted === undefined) return true;
  if (isEmpty(wanted) && there === undefined) return true; // what is empty may not be stored
  if (Array.isArray(wanted)) return Array.isArray(there) && coversItems(there, wanted);
  if (isObject(wanted)) {
    return isObject(there) && Object.entries(wanted).every(([name, member]) => covers(there[name], member));
  }
  return typeof wanted === 'string' && typeof there === 'string' && isSameAmount(there, wanted);
}

/** Items with a name are found by it, as server-side apply does: others may have put theirs between ours. */
function coversItems(there: readonly Json[], wanted: readonly Json[]): boolean {
  const name = (item: Json | undefined) => (isObject(item) ? item.name : undefined);
  if (wanted.every((item) => name(item) !== undefined)) {
    return wanted.every((item) =>
      covers(
        there.find((each) => name(each) === name(item)),
        item,
      ),
    );
  }
  return there.length === wanted.length && wanted.every((item, index) => covers(there[index], item));
}

/** `1000m` is stored as `1`. */
const isSameAmount = (there: string, wanted: string): boolean => amount(there) === amount(wanted);

const isObject = (value: Json | undefined): value is { readonly [name: string]: Json | undefined } =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isEmpty = (value: Json): boolean =>
  typeof value === 'object' && value !== null && Object.keys(value).length === 0;

import { z } from 'zod';
import type { Json } from '../run/key.ts';

/** The small words of the vocabulary: names, times, sizes, numbers as text, references to secrets. */

/** Name of a dataset, model, column or parameter. A leading `_` and `jobpulse_` are ours (checked by a policy). */
export const sqlName = z
  .string()
  .max(63)
  .regex(/^[a-z_][a-z0-9_]*$/);

/** Name of a column as SQL sees it. */
export const columnNames = (max = 32) => z.array(sqlName).max(max);

/** A DNS label, the name of a Kubernetes object that names others in turn. */
export const dnsLabel = z
  .string()
  .max(63)
  .regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/);

/** Free text in one or a few lines. */
export const text = (max = 1024) => z.string().min(1).max(max);

/** A list of unique texts. */
export const texts = (max: number, length = 256) => z.array(z.string().max(length)).max(max);

/** A list whose items are told apart by `name`: a second one of the same name is refused. */
export function named<Item extends z.ZodType<{ name: string }>>(item: Item, max: number): z.ZodArray<Item> {
  return uniqueBy(item, max, 'name');
}

/** A list whose items are told apart by one required member. */
export function uniqueBy<Item extends z.ZodType<Record<Key, string | number>>, Key extends string>(
  item: Item,
  max: number,
  key: Key,
): z.ZodArray<Item> {
  const list = z.array(item).max(max);
  const unique = list.superRefine((items, context) => {
    const seen = new Set<string | number>();
    for (const [index, member] of items.entries()) {
      const value = member[key];
      if (seen.has(value)) {
        context.addIssue({ code: 'custom', path: [index, key], message: `${key} ${value} is given twice` });
      }
      seen.add(value);
    }
  });
  return unique.meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': [key] });
}

/** A length of time in one unit: `250ms`, `15s`, `10m`, `24h`, `400d`. */
export const duration = z
  .string()
  .max(12)
  .regex(/^[1-9][0-9]{0,8}(ms|s|m|h|d)$/);

const milliseconds = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** Milliseconds of a `duration`. */
export function parseDuration(source: string): number {
  const [, count, unit] = /^([1-9][0-9]{0,8})(ms|s|m|h|d)$/.exec(source) ?? [];
  if (count === undefined) throw new RangeError(`${JSON.stringify(source)} is not a duration such as 15s, 10m or 24h`);
  return Number(count) * milliseconds[unit as keyof typeof milliseconds];
}

/** A size in bytes: `500`, `512Ki`, `64Mi`, `2Gi`. */
export const byteSize = z
  .string()
  .max(12)
  .regex(/^[1-9][0-9]{0,8}(Ki|Mi|Gi|Ti)?$/);

const multipliers = { '': 1, Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30, Ti: 2 ** 40 } as const;

/** Bytes of a `byteSize`. */
export function parseBytes(source: string): number {
  const [, count, unit] = /^([1-9][0-9]{0,8})(Ki|Mi|Gi|Ti|)$/.exec(source) ?? [];
  if (count === undefined) throw new RangeError(`${JSON.stringify(source)} is not a size such as 512Ki, 64Mi or 2Gi`);
  return Number(count) * multipliers[unit as keyof typeof multipliers];
}

/** A moment in UTC: `2026-11-20T12:00:00Z`. */
export const instant = z
  .string()
  .max(30)
  .regex(/^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?Z$/)
  .refine((value) => !Number.isNaN(Date.parse(value)), 'is not a moment that exists')
  .meta({ format: 'date-time' });

/** A decimal number as text, so that no digit is lost on the way: `"0"`, `"-12.50"`. */
export const decimal = z
  .string()
  .max(40)
  .regex(/^-?[0-9]{1,38}(\.[0-9]{1,38})?$/);

/** A whole number from `min` to `max`; what goes over the wire is an int64. */
export const whole = (min: number, max: number) => z.int().min(min).max(max);

/** Where a value is: a secret of this namespace, read at the moment of use. */
export const secretKeyRef = z.strictObject({
  name: z
    .string()
    .max(253)
    .regex(/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/)
    .describe('Name of the Secret.'),
  key: z
    .string()
    .max(253)
    .regex(/^[-._a-zA-Z0-9]+$/)
    .describe('Key within the Secret.'),
  optional: z.boolean().exactOptional().describe('Whether the Secret or its key may be absent.'),
});
export type SecretKeyRef = z.output<typeof secretKeyRef>;

/** A value that is never written into a manifest. */
export const valueFrom = z.strictObject({ secretKeyRef: secretKeyRef.describe('A key of a Secret.') });

/** Any JSON, kept as it is written. */
export const freeJson = z
  .custom<Json>(isJson, 'is not JSON: numbers must be finite and integers exact')
  .meta({ 'x-kubernetes-preserve-unknown-fields': true });

function isJson(value: unknown): value is Json {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return true;
  if (typeof value === 'number')
    return Number.isFinite(value) && (!Number.isInteger(value) || Number.isSafeInteger(value));
  return typeof value === 'object' && Object.values(value).every(isJson);
}

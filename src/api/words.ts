import { z } from 'zod';
import type { Json } from '../run/key.ts';
import { withRules } from './rules.ts';

/** Names, texts, lists and references as they are written in a manifest. */

/** Text of a form that people are told in words. */
export const matching = (pattern: RegExp, allowed: string, max: number) => z.string().max(max).regex(pattern, allowed);

/** Words to propose for a text whose form is a pattern, and what people write instead of them. */
export interface Vocabulary {
  readonly words: readonly string[];
  readonly synonyms: ReadonlyMap<string, string>;
}
export const vocabularies = z.registry<Vocabulary>();

/** Free text. */
export const text = (max = 1024) => z.string().min(1).max(max);

/** A list of texts. */
export const texts = (max: number, length = 256) => z.array(z.string().max(length)).max(max);

const plainName = /^[a-z][a-z0-9_]*$/;
const nameForm = 'a name of small letters, digits and _ that starts with a letter';

/** Name of a dataset, model or other thing that can be a table. */
export const tableName = withRules(matching(plainName, nameForm, 63), {
  holds: (name) => !name.startsWith('jobpulse_'),
  cel: "!self.startsWith('jobpulse_')",
  message: 'names that start with jobpulse_ are reserved',
  fix: 'Use another name.',
});

/** Name of a declared column. */
export const columnName = withRules(matching(plainName, nameForm, 63), {
  holds: (name) => !name.startsWith('jobpulse_') && name !== 'transfer_date',
  cel: "!self.startsWith('jobpulse_') && self != 'transfer_date'",
  message: 'transfer_date and names that start with jobpulse_ are reserved',
  fix: 'Use another name.',
});

/** A mention of a column: a declared one, or one of ours. */
export const columnRef = matching(/^[a-z_][a-z0-9_]*$/, 'the name of a column', 63);

/** Mentions of columns. */
export const columnRefs = (max = 32) => z.array(columnRef).max(max);

/** A mention of a dataset. */
export const datasetRef = matching(plainName, 'the name of a dataset', 63);

/** A DNS label: the name of a Kubernetes object, or of a thing that is named like one. */
export const dnsLabel = (max = 63) =>
  matching(
    /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/,
    `a name of at most ${max} small letters, digits and -, with a letter or digit at both ends`,
    max,
  );

/** A language such as `es` or `pt-BR`. */
export const language = matching(/^[a-z]{2}(-[A-Z]{2})?$/, 'a language such as en, es or pt-BR', 8);

/** A list whose items are told apart by `name`: a second one of the same name is refused. */
export const named = <Item extends z.ZodType<{ name: string }>>(item: Item, max: number): z.ZodArray<Item> =>
  uniqueBy(item, max, 'name');

/** A list whose items are told apart by one required member. */
export function uniqueBy<Item extends z.ZodType<Record<Key, string | number>>, Key extends string>(
  item: Item,
  max: number,
  key: Key,
): z.ZodArray<Item> {
  const list = z.array(item).max(max);
  const unique = list.superRefine((items, context) => {
    const seen = new Set<string | number>();
    for (const [index, { [key]: value }] of items.entries()) {
      const message = `found ${value}, which is given twice`;
      const params = { fix: `Give each its own ${key}.` };
      if (seen.has(value)) context.addIssue({ code: 'custom', path: [index, key], message, params });
      seen.add(value);
    }
  });
  return unique.meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': [key] });
}

const secretKeyRef = z.strictObject({
  name: matching(/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/, 'the name of a Secret', 253).describe('Name of the Secret.'),
  key: matching(/^[-._a-zA-Z0-9]+$/, 'a key of a Secret: letters, digits, -, _ and .', 253).describe(
    'Key within the Secret.',
  ),
  optional: z.boolean().exactOptional().describe('Whether the Secret or its key may be absent.'),
});
export type SecretKeyRef = z.output<typeof secretKeyRef>;

/** A value that is never written into a manifest. */
export const valueFrom = z.strictObject({ secretKeyRef: secretKeyRef.describe('A key of a Secret.') });

/** Texts by name. */
export const textMap = (maxNames: number, value: z.ZodType<string>) =>
  z
    .record(z.string(), value)
    .refine((map) => Object.keys(map).length <= maxNames, `has more than ${maxNames} names`)
    .meta({ maxProperties: maxNames });

/** Any JSON object, kept as it is written. */
export const freeJson = z
  .custom<{ readonly [name: string]: Json }>(
    (value) => isJson(value) && typeof value === 'object' && value !== null && !Array.isArray(value),
    'must be a JSON object; numbers finite, whole ones no larger than 2^53',
  )
  .meta({ type: 'object', 'x-kubernetes-preserve-unknown-fields': true });

function isJson(value: unknown): value is Json {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return true;
  if (typeof value === 'number')
    return Number.isFinite(value) && (!Number.isInteger(value) || Number.isSafeInteger(value));
  return typeof value === 'object' && Object.values(value).every(isJson);
}

import { z } from 'zod';

/** A JSON Schema object, loose on purpose: keys that only Kubernetes knows pass through. */
export interface Schema {
  [keyword: string]: unknown;
  type?: string;
  description?: string;
  default?: unknown;
  properties?: Record<string, Schema>;
  required?: string[];
  items?: Schema;
  additionalProperties?: Schema | boolean;
}

/** What a structural schema cannot hold; a zod construct that leads to one must not be used in a kind. */
const forbidden = ['anyOf', 'oneOf', 'allOf', 'not', '$ref', 'const', 'propertyNames', 'patternProperties'];

/** The schema as zod tells it, for input: defaults are there and fields with one are not required. */
export const inputSchema = (schema: z.ZodType, target: 'openapi-3.0' | 'draft-7'): Schema =>
  z.toJSONSchema(schema, { target, io: 'input', unrepresentable: 'any' }) as Schema;

/** Turns a schema into the structural form that a CustomResourceDefinition demands. */
export function structural(schema: Schema, path = ''): Schema {
  const { properties, items, additionalProperties, ...rest } = withoutUnions(schema);
  const unfit = forbidden.find((keyword) => keyword in rest);
  if (unfit !== undefined) throw new Error(`${path} has ${unfit}, which is not structural`);
  if (rest.type === undefined && rest['x-kubernetes-int-or-string'] !== true) throw new Error(`${path} has no type`);
  const values = typeof additionalProperties === 'object' ? additionalProperties : {};
  const result: Schema = {
    ...bounded(rest),
    ...(properties && {
      properties: mapValues(properties, (member, name) => structural(member, `${path}.${name}`)),
    }),
    ...(items && { items: structural(items, `${path}[]`) }),
    ...(Object.keys(values).length > 0 && { additionalProperties: structural(values, `${path}.*`) }),
  };
  return withDefault(result);
}

/** An integer or a word is the one union that Kubernetes has a form for. */
function withoutUnions(schema: Schema): Schema {
  if (schema['x-kubernetes-int-or-string'] !== true) return schema;
  const { anyOf: _union, type: _type, ...rest } = schema;
  return rest;
}

/** Leaves out the bounds of exact integers, which are the bounds of the wire format too. */
function bounded(schema: Schema): Schema {
  const { minimum, maximum, ...rest } = schema;
  return {
    ...rest,
    ...(schema.type === 'integer' && { format: 'int64' }),
    ...(typeof minimum === 'number' && minimum > Number.MIN_SAFE_INTEGER && { minimum }),
    ...(typeof maximum === 'number' && maximum < Number.MAX_SAFE_INTEGER && { maximum }),
  };
}

/**
 * Empty defaults are left to the reader, so that a stored manifest stays as short as it was written. An object's default
 * is written out whole: rules of the object are evaluated on it as it stands.
 */
function withDefault(schema: Schema): Schema {
  const { default: given, ...rest } = schema;
  if (given === undefined) return schema;
  const value = isEmptyObject(given) ? defaultsOf(rest) : given;
  return isEmpty(value) ? rest : { ...rest, default: value };
}

const defaultsOf = ({ properties = {} }: Schema): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(properties).flatMap(([name, member]) =>
      member.default === undefined ? [] : [[name, member.default]],
    ),
  );

const isEmptyObject = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && Object.keys(value).length === 0;

const isEmpty = (value: unknown): boolean =>
  value === false || value === '' || isEmptyObject(value) || (Array.isArray(value) && value.length === 0);

/** The object with each of its values changed. */
export const mapValues = <From, To>(
  object: Readonly<Record<string, From>>,
  change: (value: From, name: string) => To,
): Record<string, To> => Object.fromEntries(Object.entries(object).map(([name, value]) => [name, change(value, name)]));

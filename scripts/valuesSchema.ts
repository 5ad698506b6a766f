import { type Document, isMap, isScalar, type Pair, parseDocument, type Scalar, type YAMLMap } from 'yaml';

/** A JSON Schema, as far as values of a chart need one. */
interface Schema {
  readonly description?: string;
  readonly type?: string;
  readonly enum?: readonly string[];
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: boolean;
}

/**
 * The JSON Schema of a chart's values, from their defaults and the comments above them. `@type` and `@enum` in a comment
 * go before what the default tells; `@type object` is an object of any members.
 */
export function valuesSchema(values: string): string {
  const document: Document = parseDocument(values);
  if (!isMap(document.contents)) throw new Error('the values of a chart are a map');
  const root = schemaOfMap(document.contents);
  // Helm hands these to every chart.
  const properties = { ...root.properties, global: { type: 'object' } };
  const schema = { $schema: 'https://json-schema.org/draft/2020-12/schema', ...root, properties };
  return `${JSON.stringify(schema, null, 2)}\n`;
}

const schemaOfMap = (map: YAMLMap): Schema => ({
  type: 'object',
  additionalProperties: false,
  properties: Object.fromEntries(
    map.items.map((pair, index) => {
      const { key } = pair as Pair<Scalar>;
      // The comment above the first member belongs to the map.
      const comment = key.commentBefore ?? (index === 0 ? map.commentBefore : undefined) ?? '';
      return [String(key.value), schemaOf(pair as Pair<Scalar>, comment)];
    }),
  ),
});

function schemaOf({ value }: Pair<Scalar>, comment: string): Schema {
  // What stands apart is about the file.
  const [own = ''] = comment.split(/\n\s*\n/).toReversed();
  const lines = own.split('\n').map((line) => line.trim());
  const tag = (name: string) => lines.find((line) => line.startsWith(`@${name} `))?.slice(name.length + 2);
  const text = lines.filter((line) => line !== '' && !line.startsWith('@')).join(' ');
  const description = text === '' ? {} : { description: text };
  const words = tag('enum')?.split(' ');
  if (words) return { ...description, type: 'string', enum: words };
  const type = tag('type');
  if (type?.endsWith('[]')) return { ...description, type: 'array', items: { type: type.slice(0, -2) } };
  if (type) return { ...description, type };
  if (isMap(value)) return { ...description, ...schemaOfMap(value) };
  return { ...description, type: typeOf(value) };
}

function typeOf(value: unknown): string {
  const plain = isScalar(value) ? value.value : undefined;
  if (typeof plain === 'number') return 'integer';
  if (typeof plain === 'string' || typeof plain === 'boolean') return typeof plain;
  throw new Error('a value of the chart needs a default that tells its type, or a comment with @type');
}

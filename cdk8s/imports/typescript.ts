/** As much of JSON Schema as our kinds and the values of the chart use. */
interface Schema {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly anyOf?: readonly Schema[];
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | Schema;
}

/** A schema as TypeScript: an interface for each object in it, with what editors show of each member. */
export function typescriptTypes(name: string, schema: object): string {
  const interfaces: string[] = [];
  addInterface(name, schema as Schema, interfaces);
  return interfaces.join('\n');
}

function addInterface(name: string, schema: Schema, interfaces: string[]): void {
  const own = interfaces.push('') - 1;
  const required = new Set(schema.required ?? []);
  const members = Object.entries(schema.properties ?? {}).map(([member, each]) => {
    const type = typeOf(`${name}${pascal(member)}`, each, interfaces);
    return `${comment(each, '  ')}  readonly ${quoted(member)}${required.has(member) ? '' : '?'}: ${type};\n`;
  });
  interfaces[own] = `${comment(schema)}export interface ${name} {\n${members.join('')}}\n`;
}

const scalars: Readonly<Record<string, string>> = {
  ...{ string: 'string', boolean: 'boolean', integer: 'number', number: 'number', null: 'null' },
};

/** The type of a schema; objects in it become interfaces of their own, called after the path to them. */
function typeOf(name: string, schema: Schema, interfaces: string[]): string {
  const { type, items, properties, anyOf, additionalProperties } = schema;
  if (schema.const !== undefined) return literal(schema.const);
  if (schema.enum) return schema.enum.map(literal).join(' | ');
  if (anyOf) return anyOf.map((each) => typeOf(name, each, interfaces)).join(' | ');
  if (items) {
    const inner = typeOf(name, items, interfaces);
    return `readonly ${/[ |]/.test(inner) ? `(${inner})` : inner}[]`;
  }
  if (properties && Object.keys(properties).length > 0) {
    addInterface(name, schema, interfaces);
    return name;
  }
  if (type === 'object' && additionalProperties === false) return 'Readonly<Record<string, never>>';
  if (type === 'object' || typeof additionalProperties === 'object') {
    const values =
      typeof additionalProperties === 'object' ? typeOf(name, additionalProperties, interfaces) : 'unknown';
    return `Readonly<Record<string, ${values}>>`;
  }
  return scalars[type ?? ''] ?? 'unknown';
}

const literal = (value: unknown): string =>
  typeof value === 'string' ? `'${value.replaceAll("'", "\\'")}'` : String(value);

const pascal = (name: string): string =>
  name.replace(/^./, (first) => first.toUpperCase()).replaceAll(/[^A-Za-z0-9]/g, '');

const quoted = (name: string): string => (/^[A-Za-z_]\w*$/.test(name) ? name : literal(name));

/** What a member means, and what counts without it. */
function comment(schema: Schema, indent = ''): string {
  const { default: fallback } = schema;
  const told = typeof fallback === 'object' || fallback === undefined ? '' : ` Default: \`${String(fallback)}\`.`;
  const text = `${schema.description ?? ''}${/\bDefault:/.test(schema.description ?? '') ? '' : told}`.trim();
  return text === '' ? '' : `${indent}/** ${text.replaceAll('*/', '* /')} */\n`;
}

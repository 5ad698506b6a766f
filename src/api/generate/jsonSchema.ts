import type { Kind } from './crd.ts';
import { inputSchema, type Schema } from './structural.ts';

/** The JSON Schema of a kind, for editors. What only Kubernetes understands is left out. */
export function jsonSchemaOf({ kind, schema }: Kind): object {
  const { $schema: _draft, ...body } = plain(inputSchema(schema, 'draft-7')) as Schema;
  return { $schema: 'http://json-schema.org/draft-07/schema#', title: kind, ...body };
}

function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  const members = Object.entries(value).filter(([name]) => !name.startsWith('x-kubernetes-'));
  return Object.fromEntries(members.map(([name, member]) => [name, plain(member)]));
}

import type { z } from 'zod';
import { problemText, toProblem } from './problem.ts';
import { schemaFindings } from './schemaFindings.ts';
import { readYaml } from './yaml.ts';

/** A document that is not a resource, read by its schema: its value, or everything that is wrong with it. */
export type ReadDocument<Value> =
  | { readonly ok: true; readonly value: Value }
  | { readonly ok: false; readonly problems: readonly string[] };

/** Reads YAML or JSON. */
export function readDocument<Schema extends z.ZodType>(
  schema: Schema,
  source: string,
  fileName: string,
): ReadDocument<z.output<Schema>> {
  const yaml = readYaml(source, fileName);
  if (!yaml.ok) return { ok: false, problems: yaml.problems.map(problemText) };
  const parsed = schema.safeParse(yaml.value);
  if (parsed.success) return { ok: true, value: parsed.data };
  const findings = schemaFindings(schema, yaml.value, parsed.error);
  return { ok: false, problems: findings.map((finding) => problemText(toProblem(finding, yaml.locate))) };
}

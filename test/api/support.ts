import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { meaning } from '../../src/api/policies/index.ts';
import type { Problem } from '../../src/api/problem.ts';
import { checkPipeline, checkRun } from '../../src/api/validate.ts';

/** The text of a made-up manifest. */
export const fixture = (name: string): string => readFileSync(join(import.meta.dirname, 'fixtures', name), 'utf8');

/** The documents of a file, as objects, before any check. */
export const documents = (source: string): unknown[] =>
  parseAllDocuments(source).map((document) => document.toJS() as unknown);

/** What is wrong with a manifest of either kind, leaving aside what is not built yet. */
export function problemsOf(value: unknown): readonly Problem[] {
  const isRun = (value as { kind?: unknown }).kind === 'PipelineRun';
  const checked = isRun ? checkRun(value) : checkPipeline(value, { policies: meaning });
  return checked.ok ? [] : checked.problems;
}

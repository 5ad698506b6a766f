import type { z } from 'zod';
import { onlyBuilt } from './built.ts';
import { plainJson } from './json.ts';
import { type Pipeline, pipeline } from './pipeline.ts';
import { meaning } from './policies/index.ts';
import { paramFinding } from './policies/params.ts';
import { type Policy, unknownName, unknownNames } from './policies/policy.ts';
import { type Finding, type Locate, type Problem, toProblem } from './problem.ts';
import { type PipelineRun, type PipelineRunSpec, pipelineRun } from './run.ts';
import { schemaFindings } from './schemaFindings.ts';
import { readYaml } from './yaml.ts';

/** A manifest with its defaults in place, or all that is wrong with it. */
export type Checked<Resource> =
  | ({ readonly ok: true } & Resource)
  | { readonly ok: false; readonly problems: readonly Problem[] };

export interface CheckOptions {
  /** Finds lines for problems; from `readYaml`. */
  readonly locate?: Locate;
  /** What is asked of a pipeline beyond its schema. Default: all, also that every part is built. */
  readonly policies?: readonly Policy[];
}

/** All that is asked of a pipeline in this version. */
export const allPolicies: readonly Policy[] = [...meaning, onlyBuilt];

/** Reads and checks a Pipeline from the text of a file. */
export function parsePipeline(
  source: string,
  fileName: string,
  policies: readonly Policy[] = allPolicies,
): Checked<{ readonly pipeline: Pipeline }> {
  const yaml = readYaml(source, fileName);
  return yaml.ok ? checkPipeline(yaml.value, { locate: yaml.locate, policies }) : yaml;
}

/** Checks a Pipeline that is an object already. */
export function checkPipeline(
  value: unknown,
  { locate, policies = allPolicies }: CheckOptions = {},
): Checked<{ readonly pipeline: Pipeline }> {
  const parsed = parse(pipeline, value);
  const findings = parsed.ok ? policies.flatMap((policy) => policy(parsed.value)) : parsed.findings;
  if (parsed.ok && findings.length === 0) return { ok: true, pipeline: parsed.value };
  return problemsOf(findings, locate);
}

/** Reads and checks a PipelineRun from the text of a file. */
export function parseRun(source: string, fileName: string): Checked<{ readonly run: PipelineRun }> {
  const yaml = readYaml(source, fileName);
  return yaml.ok ? checkRun(yaml.value, yaml) : yaml;
}

/** Checks a PipelineRun that is an object already. */
export function checkRun(
  value: unknown,
  { locate }: Pick<CheckOptions, 'locate'> = {},
): Checked<{ readonly run: PipelineRun }> {
  const parsed = parse(pipelineRun, value);
  return parsed.ok ? { ok: true, run: parsed.value } : problemsOf(parsed.findings, locate);
}

/** What a run asks of its pipeline that the pipeline does not have. */
export function checkRequest(
  { spec }: Pipeline,
  { datasets, params }: Pick<PipelineRunSpec, 'datasets' | 'params'>,
): Problem[] {
  const names = spec.datasets.flatMap(({ name, aliases }) => [name, ...aliases]);
  const declared = spec.params.map(({ name }) => name);
  const values = params.flatMap(({ name, value }, index) => {
    const at = ['spec', 'params', index];
    const param = spec.params.find((candidate) => candidate.name === name);
    return param
      ? paramFinding(param, value, [...at, 'value'])
      : unknownName([...at, 'name'], name, 'parameter', declared);
  });
  const given = new Set(params.map(({ name }) => name));
  const missing = spec.params.filter((param) => param.default === undefined && !given.has(param.name));
  const findings = [
    ...unknownNames(['spec', 'datasets'], datasets, 'dataset', names),
    ...values,
    ...missing.map(({ name }) => ({
      at: ['spec', 'params'],
      what: `found no value for ${name}, which has no default`,
      found: 'nothing',
      fix: `Give ${name} a value.`,
    })),
  ];
  return findings.map((finding) => toProblem(finding));
}

type Parsed<Value> =
  | { readonly ok: true; readonly value: Value }
  | { readonly ok: false; readonly findings: readonly Finding[] };

function parse<Value>(schema: z.ZodType<Value>, value: unknown): Parsed<Value> {
  const plain = plainJson(value);
  if (!plain.ok) return { ok: false, findings: [plain.finding] };
  const parsed = schema.safeParse(plain.value);
  if (parsed.success) return { ok: true, value: parsed.data };
  const findings = schemaFindings(schema, plain.value, parsed.error);
  // Held against the schema of another kind, everything is wrong: only the kind is worth telling.
  const kind = findings.filter(({ at }) => at[0] === 'kind' || at[0] === 'apiVersion');
  return { ok: false, findings: kind.length > 0 ? kind : findings };
}

/** A file with more than this wrong is not read to the end anyway. */
const maxProblems = 100;

const problemsOf = (findings: readonly Finding[], locate?: Locate) => ({
  ok: false as const,
  problems: findings
    .slice(0, maxProblems)
    .map((finding) => toProblem(finding, locate))
    .sort((a, b) => (a.line ?? 0) - (b.line ?? 0)),
});

import type { z } from 'zod';
import { pipeline } from '../pipeline.ts';
import { pipelineRun } from '../run.ts';
import { inputSchema, type Schema, structural } from './structural.ts';

/** A column of `kubectl get`; those of priority 1 come with `-o wide`. */
interface Column {
  readonly name: string;
  readonly type: 'string' | 'integer' | 'date';
  readonly jsonPath: string;
  readonly priority?: 1;
  readonly description: string;
}

/** What a CustomResourceDefinition has beside its schema. */
export interface Kind {
  readonly kind: string;
  readonly plural: string;
  readonly shortName: string;
  readonly schema: z.ZodType;
  readonly columns: readonly Column[];
}

const conditionStatus = (type: string): string => `.status.conditions[?(@.type=="${type}")].status`;
const conditionMessage = (type: string): string => `.status.conditions[?(@.type=="${type}")].message`;
const age: Column = {
  name: 'Age',
  type: 'date',
  jsonPath: '.metadata.creationTimestamp',
  description: 'Age of the resource.',
};

const pipelineColumns: readonly Column[] = [
  { name: 'Ready', type: 'string', jsonPath: conditionStatus('Ready'), description: 'Condition Ready.' },
  { name: 'Phase', type: 'string', jsonPath: '.status.phase', description: 'A summary.' },
  { name: 'Backlog', type: 'integer', jsonPath: '.status.backlog', description: 'Steps that wait or are under way.' },
  { name: 'Last run', type: 'date', jsonPath: '.status.lastRun.finishedAt', description: 'When the newest run ended.' },
  age,
  { name: 'Schedule', type: 'string', jsonPath: '.spec.schedule', priority: 1, description: 'When it runs.' },
  { name: 'Next run', type: 'string', jsonPath: '.status.nextRunTime', priority: 1, description: 'When it runs next.' },
  { name: 'Fresh', type: 'string', jsonPath: conditionStatus('Fresh'), priority: 1, description: 'Condition Fresh.' },
  {
    name: 'Conserved',
    type: 'string',
    jsonPath: conditionStatus('Conserved'),
    priority: 1,
    description: 'Condition Conserved.',
  },
  {
    name: 'Rejected',
    type: 'integer',
    jsonPath: '.status.rejected',
    priority: 1,
    description: 'Rows the newest run rejected.',
  },
  {
    name: 'Message',
    type: 'string',
    jsonPath: conditionMessage('Ready'),
    priority: 1,
    description: 'Why it is ready or not.',
  },
];

const runColumns: readonly Column[] = [
  { name: 'Pipeline', type: 'string', jsonPath: '.spec.pipelineRef.name', description: 'The pipeline.' },
  { name: 'Phase', type: 'string', jsonPath: '.status.phase', description: 'A summary.' },
  { name: 'Done', type: 'integer', jsonPath: '.status.steps.done', description: 'Steps published.' },
  { name: 'Steps', type: 'integer', jsonPath: '.status.steps.total', description: 'Steps known so far.' },
  age,
  { name: 'Failed', type: 'integer', jsonPath: '.status.steps.failed', priority: 1, description: 'Steps that failed.' },
  { name: 'As of', type: 'string', jsonPath: '.status.asOf', priority: 1, description: 'Logical time of the run.' },
  {
    name: 'Conserved',
    type: 'string',
    jsonPath: conditionStatus('Conserved'),
    priority: 1,
    description: 'Condition Conserved.',
  },
  {
    name: 'Message',
    type: 'string',
    jsonPath: conditionMessage('Succeeded'),
    priority: 1,
    description: 'How it is going.',
  },
];

/** Both kinds. */
export const kinds: readonly Kind[] = [
  { kind: 'Pipeline', plural: 'pipelines', shortName: 'jpl', schema: pipeline, columns: pipelineColumns },
  { kind: 'PipelineRun', plural: 'pipelineruns', shortName: 'jpr', schema: pipelineRun, columns: runColumns },
];

const group = 'jobpulse.dev';

/** The CustomResourceDefinition of a kind. */
export function crdOf(kind: Kind): object {
  const { plural, shortName, columns } = kind;
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${group}` },
    spec: {
      group,
      names: {
        kind: kind.kind,
        listKind: `${kind.kind}List`,
        plural,
        singular: kind.kind.toLowerCase(),
        shortNames: [shortName],
        categories: ['jobpulse'],
      },
      scope: 'Namespaced',
      versions: [
        {
          name: 'v1alpha1',
          served: true,
          storage: true,
          schema: { openAPIV3Schema: crdSchema(kind) },
          subresources: { status: {} },
          additionalPrinterColumns: columns,
        },
      ],
    },
  };
}

/** The structural schema of a kind. Of `metadata` only the name may be restricted; the API server knows the rest. */
export function crdSchema({ kind, schema }: Kind): Schema {
  const { properties = {}, required } = structural(inputSchema(schema, 'openapi-3.0'), kind);
  const { apiVersion, kind: kindName, metadata, spec, status } = properties;
  const name = metadata?.properties?.name ?? {};
  return {
    type: 'object',
    description: `${kind} of ${group}.`,
    required: required ?? [],
    properties: {
      apiVersion: { type: 'string', description: apiVersion?.description ?? '' },
      kind: { type: 'string', description: kindName?.description ?? '' },
      metadata: { type: 'object', properties: { name } },
      spec: spec ?? {},
      status: status ?? {},
    },
  };
}

import { z } from 'zod';
import { ordered, withRules } from './rules.ts';
import { whole } from './units.ts';
import { dnsLabel, matching, text, textMap } from './words.ts';

/** Workers of a pipeline: how many, with what, and where a cluster puts their pods. */

/** An amount as Kubernetes writes it. */
export const quantity = matching(
  /^[0-9]{1,15}(\.[0-9]{1,9})?(m|k|M|G|T|Ki|Mi|Gi|Ti)?$/,
  'a quantity such as 250m, 2 or 192Mi',
  32,
);

const quantities = textMap(16, quantity);

export const resources = z.strictObject({
  requests: quantities.exactOptional().describe('What a worker is sure to get.'),
  limits: quantities.exactOptional().describe('What a worker can get at most.'),
});
export type WorkerResources = z.output<typeof resources>;

/** Labels, annotations and selectors, as they are on any Kubernetes object. */
export const labelMap = textMap(16, z.string().max(63));
export const annotationMap = textMap(16, z.string().max(1024));

const toleration = z.strictObject({
  key: text(253).exactOptional().describe('Key of the taint. Default: any.'),
  operator: z.enum(['Equal', 'Exists']).default('Equal').describe('Whether the value counts.'),
  value: z.string().max(63).exactOptional().describe('Value of the taint.'),
  effect: z.enum(['NoSchedule', 'PreferNoSchedule', 'NoExecute']).exactOptional().describe('Effect. Default: any.'),
  tolerationSeconds: whole(0, 1_000_000_000).exactOptional().describe('For how long NoExecute is tolerated.'),
});

export const tolerations = z.array(toleration).max(16);

/** Where pods of workers may be. Alike for an installation and for one pool. */
export const placement = {
  nodeSelector: labelMap.exactOptional().describe('Labels of the nodes that pods may be on.'),
  tolerations: tolerations.exactOptional().describe('Taints of nodes that pods put up with.'),
  priorityClassName: dnsLabel(63).exactOptional().describe('How important pods are to the scheduler.'),
};

const pool = withRules(
  z
    .strictObject({
      provider: z
        .enum(['Internal', 'External'])
        .default('Internal')
        .describe('Who scales: we, or something outside such as an HPA.'),
      concurrency: whole(1, 256)
        .exactOptional()
        .describe("Steps of a queue that one worker does at the same time. Default: the installation's."),
      minReplicas: whole(0, 1000).exactOptional().describe("The fewest workers. Default: the installation's."),
      maxReplicas: whole(1, 1000).exactOptional().describe("The most workers. Default: the installation's."),
      resources: resources
        .exactOptional()
        .describe("Resources of one worker. They take the place of the installation's as a whole."),
      ...placement,
      podLabels: labelMap.exactOptional().describe('Further labels of its pods; those of ours stay as they are.'),
      podAnnotations: annotationMap.exactOptional().describe('Further annotations of its pods.'),
    })
    .describe('A pool of workers.'),
  ordered('minReplicas', 'maxReplicas'),
);
export type WorkerPool = z.output<typeof pool>;

export const workers = z
  .strictObject({
    extract: pool.exactOptional().describe('Workers that ask the sources.'),
    clean: pool.exactOptional().describe('Workers that plan and clean.'),
    warehouse: pool
      .exactOptional()
      .describe('Workers that load and transform; one at most while the warehouse is embedded.'),
  })
  .describe('Pods of a cluster; processes on one machine are shared by all its pipelines and not set here.');

import { stringify } from 'yaml';
import type { ResourceType } from './api.ts';
import { resourceTypes } from './client/resources.ts';

/** What a Role allows. */
export interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly verbs: readonly string[];
}

const rule = (verbs: readonly string[], ...resources: readonly (readonly [ResourceType, subresource?: string])[]) =>
  [...Map.groupBy(resources, ([{ group }]) => group)].map(
    ([group, members]): Rule => ({
      apiGroups: [group],
      resources: members.map(([{ plural }, subresource]) => (subresource ? `${plural}/${subresource}` : plural)),
      verbs,
    }),
  );

const { pipelines, pipelineRuns, deployments, statefulSets, serviceAccounts, networkPolicies, pods, events, leases } =
  resourceTypes;

/**
 * What the controller does in a namespace that it looks after; of all namespaces the same, in a ClusterRole. Nothing of
 * Secrets, ConfigMaps or nodes, and no `pods/exec`. Server-side apply is a `patch`, which also needs `create` where the
 * object is not there yet.
 */
export const controllerRules: readonly Rule[] = [
  ...rule(['list', 'watch'], [pipelines]),
  ...rule(['list', 'watch', 'create', 'patch', 'delete'], [pipelineRuns]),
  ...rule(['patch'], [pipelines, 'status'], [pipelineRuns, 'status']),
  ...rule(
    ['get', 'list', 'watch', 'create', 'patch', 'delete'],
    [deployments],
    [statefulSets],
    [serviceAccounts],
    [networkPolicies],
  ),
  // A pod is told what it costs to lose it, so that idle ones go first.
  ...rule(['list', 'watch', 'patch'], [pods]),
  ...rule(['create', 'patch'], [events]),
];

/** What the controllers of an installation do where their Lease is. A name cannot be demanded of what is not there yet. */
export const leaseRules = (lease: string): readonly Rule[] => [
  ...rule(['create'], [leases]),
  ...rule(['get', 'patch'], [leases]).map((each) => ({ ...each, resourceNames: [lease] })),
];

const kinds = [[pipelines], [pipelineRuns]] as const;

/** Aggregated to `view`: who may look at a namespace may look at its pipelines. */
export const viewerRules: readonly Rule[] = rule(['get', 'list', 'watch'], ...kinds);

/** Aggregated to `edit` and `admin`. Who may write a Pipeline may use the Secrets of its namespace, and ask any source. */
export const editorRules: readonly Rule[] = rule(
  ['get', 'list', 'watch', 'create', 'update', 'patch', 'delete', 'deletecollection'],
  ...kinds,
);

/** Stands for the name of the Lease, `jobpulse-<id of the installation>`, in the generated file. */
const leasePlaceholder = 'LEASE';

/** The rules as a file of the chart. */
export function permissionsFile(): string {
  const header =
    '# Made from src/controller/kubernetes/permissions.ts by `npm run generate`; a change made here is lost.\n';
  const rules = {
    controller: controllerRules,
    lease: leaseRules(leasePlaceholder),
    viewer: viewerRules,
    editor: editorRules,
  };
  return header + stringify(rules, { aliasDuplicateObjects: false, lineWidth: 0 });
}

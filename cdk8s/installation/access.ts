import {
  controllerRules,
  editorRules,
  leaseRules,
  type Rule,
  viewerRules,
} from '../../src/controller/kubernetes/permissions.ts';
import { labelsOf, type Manifest, metadataOf, namespacesOf, type Settings } from './settings.ts';

const group = 'rbac.authorization.k8s.io';
const apiVersion = `${group}/v1`;

/** Who the controllers are and what they may do, and what people may do with Pipelines. */
export const accessObjects = (settings: Settings): readonly Manifest[] => [
  { apiVersion: 'v1', kind: 'ServiceAccount', metadata: metadataOf(settings) },
  ...granted(settings, settings.namespace, '-lease', leaseRules(`jobpulse-${settings.name}`)),
  ...(settings.values.watch.all
    ? grantedEverywhere(settings)
    : namespacesOf(settings).flatMap((namespace) => granted(settings, namespace, '', controllerRules))),
  ...(settings.values.rbac.aggregate ? rolesOfPeople(settings) : []),
];

function granted(settings: Settings, namespace: string, suffix: string, rules: readonly Rule[]): readonly Manifest[] {
  const metadata = { ...metadataOf(settings, undefined, suffix), namespace };
  return [
    { apiVersion, kind: 'Role', metadata, rules },
    { apiVersion, kind: 'RoleBinding', metadata, ...bound(settings, 'Role', metadata.name) },
  ];
}

function grantedEverywhere(settings: Settings): readonly Manifest[] {
  const name = `${settings.namespace}-${settings.name}`;
  const metadata = { name, labels: labelsOf(settings.name) };
  return [
    { apiVersion, kind: 'ClusterRole', metadata, rules: controllerRules },
    { apiVersion, kind: 'ClusterRoleBinding', metadata, ...bound(settings, 'ClusterRole', name) },
  ];
}

const bound = ({ name: account, namespace }: Settings, kind: string, name: string) => ({
  roleRef: { apiGroup: group, kind, name },
  subjects: [{ kind: 'ServiceAccount', name: account, namespace }],
});

/** Added to the cluster roles that everybody knows. */
const rolesOfPeople = ({ name, namespace }: Settings): readonly Manifest[] =>
  (
    [
      ['viewer', ['view'], viewerRules],
      ['editor', ['edit', 'admin'], editorRules],
    ] as const
  ).map(([role, added, rules]) => {
    const labels = Object.fromEntries(added.map((to) => [`${group}/aggregate-to-${to}`, 'true']));
    const metadata = { name: `${namespace}-${name}-${role}`, labels: { ...labelsOf(name), ...labels } };
    return { apiVersion, kind: 'ClusterRole', metadata, rules };
  });

import { parse } from 'yaml';
import type { KubeApi, KubeObject, ResourceType } from '../../controller/kubernetes/api.ts';
import { listAll, type OpenKubeApi, resourceTypes } from '../../controller/kubernetes/client.ts';
import { pipelineLabel } from '../../controller/kubernetes/names.ts';
import type { Part, PartFile } from './parts.ts';

/** Where to look in a cluster. */
export interface ClusterSight {
  readonly opened: OpenKubeApi;
  /** Of the pipelines. */
  readonly namespace: string;
  /** Of the controller. */
  readonly controllerNamespace: string;
  readonly signal: AbortSignal;
}

const controllerSelector = 'app.kubernetes.io/name=jobpulse';
const { deployments, statefulSets, networkPolicies, pods, leases, events } = resourceTypes;
const configMaps = { group: '', version: 'v1', plural: 'configmaps', kind: 'ConfigMap' } as ResourceType<ConfigMap>;
const claims = {
  group: '',
  version: 'v1',
  plural: 'persistentvolumeclaims',
  kind: 'PersistentVolumeClaim',
} as ResourceType;

interface ConfigMap extends KubeObject {
  readonly data?: Readonly<Record<string, string>>;
}

/** What a report holds of a cluster. Secrets are never asked for. */
export function clusterParts({ opened, namespace, controllerNamespace, signal }: ClusterSight): readonly Part[] {
  const { api, read } = opened;
  const list = listIn(api, signal);
  const ours = { namespace, labelSelector: pipelineLabel };
  const controller = { namespace: controllerNamespace, labelSelector: controllerSelector };
  const json = async (path: string): Promise<unknown> => JSON.parse(await read(path, {}, signal));
  return [
    {
      what: 'version of Kubernetes',
      files: async () => [{ path: 'kubernetes.yaml', content: await json('/version') }],
    },
    ...['pipelines', 'pipelineruns'].map(
      (plural): Part => ({
        what: `definition of ${plural}`,
        files: async () => [
          { path: `kinds/${plural}.yaml`, content: kindFacts(await json(`${definitions}/${plural}.jobpulse.dev`)) },
        ],
      }),
    ),
    {
      what: 'events',
      files: async () => [{ path: 'events.yaml', content: (await list(events, { namespace })).map(eventFacts) }],
    },
    ...[deployments, statefulSets, networkPolicies, claims].map(
      (type): Part => ({
        what: `${type.plural} of pipelines`,
        files: async () => [{ path: `workers/${type.plural}.yaml`, content: await list(type, ours) }],
      }),
    ),
    ...[deployments, configMaps].map(
      (type): Part => ({
        what: `${type.plural} of the controller`,
        files: async () => [
          { path: `controller/${type.plural}.yaml`, content: (await list(type, controller)).map(withDocument) },
        ],
      }),
    ),
    {
      what: 'leases of controllers',
      files: async () => {
        const all = await list(leases, { namespace: controllerNamespace });
        return [
          {
            path: 'controller/leases.yaml',
            content: all.filter(({ metadata }) => metadata.name.startsWith('jobpulse-')),
          },
        ];
      },
    },
    podsPart('workers', () => list(pods, ours)),
    podsPart('controller', async () => nonEmpty(await list(pods, controller), controllerNamespace)),
    logsPart('workers', () => list(pods, ours), opened, signal),
    logsPart('controller', () => list(pods, controller), opened, signal),
  ];
}

const definitions = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';

const listIn =
  (api: KubeApi, signal: AbortSignal) =>
  <Kind extends KubeObject>(type: ResourceType<Kind>, where: { namespace: string; labelSelector?: string }) =>
    listAll(api, type, where, signal);

function nonEmpty(found: readonly KubeObject[], namespace: string): readonly KubeObject[] {
  if (found.length > 0) return found;
  throw new Error(
    `no pod in namespace ${namespace} has the label ${controllerSelector}; name the controller's with --controller-namespace`,
  );
}

/** Which versions are served and stored; the schema is in the project. */
function kindFacts(definition: unknown): unknown {
  const { spec, status } = definition as {
    readonly spec: {
      readonly versions: readonly { readonly name: string; readonly served: boolean; readonly storage: boolean }[];
    };
    readonly status?: unknown;
  };
  return { versions: spec.versions.map(({ name, served, storage }) => ({ name, served, storage })), status };
}

function eventFacts(event: KubeObject): unknown {
  const { type, reason, note, action, regarding, eventTime, series, deprecatedLastTimestamp } = event as KubeObject &
    Readonly<Record<string, unknown>>;
  const { kind, name } = (regarding ?? {}) as { readonly kind?: string; readonly name?: string };
  return { at: eventTime ?? deprecatedLastTimestamp, type, reason, action, regarding: `${kind}/${name}`, note, series };
}

/** YAML within YAML is looked at as what it means. Dashboards and the like are in the project, and are only named. */
function withDocument(object: KubeObject & { readonly data?: Readonly<Record<string, string>> }): unknown {
  if (object.data === undefined) return object;
  const data = Object.entries(object.data).map(([name, text]) => [
    name,
    /\.ya?ml$/.test(name) ? documentOf(text) : `${text.length} characters`,
  ]);
  return { ...object, data: Object.fromEntries(data) };
}

/** One that is not valid may be what is wrong. */
function documentOf(text: string): unknown {
  try {
    return parse(text);
  } catch {
    return text;
  }
}

const podsPart = (whose: string, find: () => Promise<readonly KubeObject[]>): Part => ({
  what: `pods of ${whose}`,
  files: async () => [{ path: `${whose}/pods.yaml`, content: await find() }],
});

/** Pods whose logs are asked for, newest first, and how much of each. */
const mostPods = 40;
const logLimits = { tailLines: '2000', limitBytes: String(2 ** 20) };

interface PodObject extends KubeObject {
  readonly spec?: { readonly containers?: readonly { readonly name: string }[] };
  readonly status?: {
    readonly containerStatuses?: readonly { readonly name: string; readonly restartCount?: number }[];
  };
}

/** Logs of the pods there are, with those of the containers before that ended. */
const logsPart = (
  whose: string,
  find: () => Promise<readonly KubeObject[]>,
  opened: Pick<OpenKubeApi, 'read'>,
  signal: AbortSignal,
): Part => ({
  what: `logs of ${whose}`,
  files: async () => {
    const newest = (await find()).toSorted((a, b) => created(b).localeCompare(created(a))).slice(0, mostPods);
    return Promise.all(newest.flatMap((pod) => logsOf(pod as PodObject, whose, opened, signal)));
  },
});

const created = ({ metadata }: KubeObject): string => metadata.creationTimestamp ?? '';

function logsOf(
  { metadata, spec, status }: PodObject,
  whose: string,
  { read }: Pick<OpenKubeApi, 'read'>,
  signal: AbortSignal,
): Promise<PartFile>[] {
  const path = `/api/v1/namespaces/${metadata.namespace}/pods/${metadata.name}/log`;
  return (spec?.containers ?? []).flatMap(({ name: container }) => {
    const restarts = status?.containerStatuses?.find(({ name }) => name === container)?.restartCount ?? 0;
    const log = async (suffix: string, query: Readonly<Record<string, string>>): Promise<PartFile> => ({
      path: `${whose}/logs/${metadata.name}.${container}${suffix}.log`,
      // A pod that has not started, or a node that is away, takes no other log with it.
      content: await read(path, { container, timestamps: 'true', ...logLimits, ...query }, signal).catch(
        (error: Error) => error,
      ),
    });
    return [log('', {}), ...(restarts > 0 ? [log('.previous', { previous: 'true' })] : [])];
  });
}

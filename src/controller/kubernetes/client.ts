import type { Logger } from 'pino';
import { TransientError } from '../../run/errors.ts';
import {
  ApiError,
  type ApplyOptions,
  type KubeApi,
  type KubeObject,
  type ListOptions,
  type ListPage,
  type ResourceType,
  type WatchEvent,
} from './api.ts';
import { readText } from './client/answers.ts';
import { credentialSource } from './client/credentials.ts';
import { findCluster } from './client/kubeconfig.ts';
import { apiVersionOf, collectionPath, objectPath } from './client/resources.ts';
import { openTransport, type Transport, told } from './client/transport.ts';
import { watchEvents } from './client/watch.ts';

export { resourceTypes } from './client/resources.ts';

export interface KubeApiOptions {
  /** Path of a kubeconfig. Default: as kubectl finds it, else the service account of this pod. */
  readonly kubeconfig?: string;
  /** Default: the kubeconfig's current one. */
  readonly context?: string;
  readonly log: Logger;
}

export interface OpenKubeApi {
  readonly api: KubeApi;
  /** Of the context or the pod. */
  readonly namespace: string;
  /** The text of an answer, for what is no object: logs, versions. Asked for once. */
  read(path: string, query: Readonly<Record<string, string>>, signal: AbortSignal): Promise<string>;
  close(): Promise<void>;
}

/** A page of Pipelines is about 2 MB, and several times that while it is parsed. */
const pageSize = 100;
/** A log may be long. */
const readMs = 60_000;
/** The server ends a watch by itself after this long, not all at once. */
const watchSeconds = () => 300 + Math.floor(Math.random() * 300);

/** Opens the API of a cluster: no call is made yet. */
export function openKubeApi({ kubeconfig, context, log }: KubeApiOptions): OpenKubeApi {
  const choice = findCluster(kubeconfig, context);
  const { server, proxyUrl } = choice.cluster;
  const credentials = credentialSource(choice, Date.now);
  const transport = openTransport({ server, proxyUrl, credentials });
  log.debug({ server, namespace: choice.namespace }, 'Kubernetes API');
  return {
    api: apiOver(transport, server),
    namespace: choice.namespace,
    read: async (path, query, signal) => {
      const limited = AbortSignal.any([signal, AbortSignal.timeout(readMs)]);
      return readText(await transport.stream({ method: 'GET', path, query, accept: '*/*', signal: limited }));
    },
    close: () => transport.close(),
  };
}

function apiOver(transport: Transport, server: string): KubeApi {
  return {
    async get<Kind extends KubeObject>(
      type: ResourceType<Kind>,
      key: { namespace: string; name: string },
      signal?: AbortSignal,
    ) {
      return transport
        .call<Kind>({ method: 'GET', path: objectPath(type, key), signal })
        .catch((error: unknown) => (isNotFound(error) ? undefined : Promise.reject(error)));
    },
    list: (type, options, signal) => pages(transport, type, options, signal),
    watch: (type, options, signal) => watchFrom(transport, server, { type, options, signal }),
    create: (type, object, signal) =>
      transport.call({ method: 'POST', path: collectionPath(type, namespaceOf(object)), body: object, signal }),
    apply: (type, object, options, signal) =>
      transport.call({
        method: 'PATCH',
        path: objectPath(type, { namespace: namespaceOf(object), name: object.metadata.name }, options.subresource),
        query: applyQuery(options),
        // JSON is YAML.
        contentType: 'application/apply-patch+yaml',
        body: object,
        signal,
      }),
    patch: (type, key, patch, signal) =>
      transport.call({
        method: 'PATCH',
        path: objectPath(type, key),
        contentType: 'application/merge-patch+json',
        body: patch,
        signal,
      }),
    async delete(type, key, { uid } = {}, signal) {
      const body = { propagationPolicy: 'Background', ...(uid !== undefined && { preconditions: { uid } }) };
      await transport.call({ method: 'DELETE', path: objectPath(type, key), body, signal }).catch((error: unknown) => {
        // A conflict says that the object has another uid: this very one is gone.
        const gone = isNotFound(error) || (uid !== undefined && error instanceof ApiError && error.status === 409);
        if (!gone) throw error;
      });
    },
  };
}

const isNotFound = (error: unknown): boolean => error instanceof ApiError && error.status === 404;

function namespaceOf({ kind, metadata }: KubeObject): string {
  if (metadata.namespace !== undefined) return metadata.namespace;
  throw new Error(`${kind} ${metadata.name} has no metadata.namespace`);
}

const applyQuery = ({ fieldManager, force = false }: ApplyOptions) => ({ fieldManager, force: String(force) });

/** Asks for metadata only, or for whole objects. */
const accepted = ({ metadataOnly }: ListOptions, kind: string): string =>
  metadataOnly ? `application/json;as=${kind};g=meta.k8s.io;v=v1` : 'application/json';

interface Page<Kind> {
  readonly metadata: { readonly resourceVersion?: string; readonly continue?: string };
  /** Of metadata only, no items are null. */
  readonly items: readonly Kind[] | null;
}

async function* pages<Kind extends KubeObject>(
  transport: Transport,
  type: ResourceType<Kind>,
  options: ListOptions,
  signal: AbortSignal,
): AsyncGenerator<ListPage<Kind>> {
  let next: string | undefined;
  for (;;) {
    const { labelSelector, namespace } = options;
    const page: Page<Kind> = await transport.call({
      method: 'GET',
      path: collectionPath(type, namespace),
      query: { limit: String(pageSize), labelSelector, continue: next },
      accept: accepted(options, 'PartialObjectMetadataList'),
      signal,
    });
    yield {
      items: (page.items ?? []).map((item) => typed(type, item)),
      resourceVersion: page.metadata.resourceVersion ?? '',
    };
    next = page.metadata.continue;
    if (!next) return;
  }
}

/** The objects of all pages, for whoever wants them whole. */
export async function listAll<Kind extends KubeObject>(
  api: KubeApi,
  type: ResourceType<Kind>,
  options: ListOptions,
  signal: AbortSignal,
): Promise<readonly Kind[]> {
  return (await Array.fromAsync(api.list(type, options, signal))).flatMap(({ items }) => items);
}

async function* watchFrom<Kind extends KubeObject>(
  transport: Transport,
  server: string,
  call: {
    readonly type: ResourceType<Kind>;
    readonly options: ListOptions & { readonly resourceVersion: string };
    readonly signal: AbortSignal;
  },
): AsyncGenerator<WatchEvent<Kind>> {
  const { type, options, signal } = call;
  const { namespace, labelSelector, resourceVersion } = options;
  const path = collectionPath(type, namespace);
  const query = { watch: 'true', allowWatchBookmarks: 'true', timeoutSeconds: String(watchSeconds()) };
  try {
    const bytes = await transport.stream({
      method: 'GET',
      path,
      query: { ...query, resourceVersion, labelSelector },
      accept: accepted(options, 'PartialObjectMetadata'),
      signal,
    });
    for await (const event of watchEvents(bytes, `watch ${path}`)) {
      if (event.type === 'BOOKMARK') yield event;
      else yield { type: event.type, object: typed(type, event.object as Kind) };
    }
  } catch (error) {
    if (signal.aborted) return;
    throw error instanceof TransientError ? error : told(error, server);
  }
}

/** Items of a list lack their kind, and metadata have one of their own. */
function typed<Kind extends KubeObject>(type: ResourceType<Kind>, object: Kind): Kind {
  return { ...object, apiVersion: apiVersionOf(type), kind: type.kind };
}

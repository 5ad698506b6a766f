import { join } from 'node:path';
import { pino } from 'pino';
import { parse } from 'yaml';
import { ApiError, type KubeApi, type KubeObject } from '../../../src/controller/kubernetes/api.ts';
import { startCaches } from '../../../src/controller/kubernetes/caches.ts';
import { openKubeApi } from '../../../src/controller/kubernetes/client.ts';
import { pipelineLabel } from '../../../src/controller/kubernetes/names.ts';
import type { Children } from '../../../src/controller/kubernetes/pipelines/child.ts';
import { reconcileWorkload } from '../../../src/controller/kubernetes/pipelines.ts';
import type { StoredPipeline } from '../../../src/controller/kubernetes/stored.ts';
import { type ControlPlane, startControlPlane } from '../../servers/kubernetes/controlPlane.ts';
import { allEstablished } from '../../servers/kubernetes/established.ts';
import { installationOf, smallInstallation } from './render/world.ts';

export const namespace = 'harbour';
const crds = join(import.meta.dirname, '..', '..', '..', 'crds');
const log = pino({ level: 'silent' });

/** A real API server with our kinds, a namespace that takes restricted pods only, and caches of it. */
export interface PipelinesWorld {
  readonly plane: ControlPlane;
  readonly api: KubeApi;
  readonly children: Children;
  /** Creates or replaces a Pipeline, and gives it as it is stored. */
  put(name: string, spec: object | string): Promise<StoredPipeline>;
  reconcile(pipeline: StoredPipeline, installation?: string): ReturnType<typeof reconcileWorkload>;
  /** Kind and name → resourceVersion of all children. */
  versions(): Promise<ReadonlyMap<string, string>>;
  stop(): Promise<void>;
}

export async function openPipelinesWorld(): Promise<PipelinesWorld> {
  const plane = await startControlPlane({ audit: true });
  const must = async (args: readonly string[], input?: string) => {
    const { code, stderr, stdout } = await plane.kubectl(args, input === undefined ? {} : { input });
    if (code !== 0) throw new Error(`kubectl ${args.join(' ')}: ${stderr}`);
    return stdout;
  };
  await must(['apply', '--server-side', '-f', crds]);
  await allEstablished(plane);
  await must(['create', 'namespace', namespace]);
  await must(['label', 'namespace', namespace, 'pod-security.kubernetes.io/enforce=restricted']);
  const { api, close } = openKubeApi({ kubeconfig: plane.kubeconfig, log });
  const context = { now: Date.now, log };
  const caches = startCaches({ api, namespaces: undefined, pipelineSelector: undefined, context: () => context });
  await caches.synced;
  const { children } = caches;
  return {
    ...{ plane, api, children },
    async put(name, given) {
      const spec = typeof given === 'string' ? (parse(`spec:${given}`) as { spec: object }).spec : given;
      const pipeline = { apiVersion: 'jobpulse.dev/v1alpha1', kind: 'Pipeline', metadata: { name, namespace }, spec };
      // Server-side apply of an empty list onto a list of named things takes the list away.
      const args = ['apply', '-o', 'json', '-f', '-'];
      return JSON.parse(await must(args, JSON.stringify(pipeline))) as StoredPipeline;
    },
    reconcile: (pipeline, installation = smallInstallation) =>
      asQueued(() => reconcileWorkload({ api, children, installation: installationOf(installation) }, pipeline)),
    async versions() {
      const kinds = 'serviceaccounts,networkpolicies,deployments,statefulsets';
      const list = JSON.parse(await must(['get', kinds, '-n', namespace, '-l', pipelineLabel, '-o', 'json'])) as {
        items: readonly KubeObject[];
      };
      return new Map(
        list.items.map(({ kind, metadata }) => [`${kind} ${metadata.name}`, metadata.resourceVersion ?? '']),
      );
    },
    async stop() {
      await caches.stop();
      await close();
      await plane.stop();
    },
  };
}

/** As the work queue does it: a write onto a version that is no longer the newest is tried again. */
async function asQueued<Result>(work: () => Promise<Result>): Promise<Result> {
  for (let attempts = 1; ; attempts += 1) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof ApiError && error.status === 409) || attempts === 5) throw error;
    }
  }
}

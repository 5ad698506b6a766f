import { chownSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Api, KubernetesObject } from './api.ts';
import { follow } from './follow.ts';

interface Claim extends KubernetesObject {
  readonly spec: {
    readonly storageClassName?: string;
    readonly accessModes: readonly string[];
    readonly resources: { readonly requests: { readonly storage: string } };
  };
  readonly status?: { readonly phase?: string };
}

/** Folders of this machine that are the volumes of claims. */
export interface Folders {
  /** The folder of a claim. */
  of(namespace: string, claim: string): string;
}

const className = 'folders';
/** User and group of containers: the kubelet changes no owner of such a volume. */
const user = 65532;

/** Makes a folder for each claim that names no other storage class, until the signal; what is in it is kept. */
export async function provideFolders(api: Api, parent: string, signal: AbortSignal): Promise<Folders> {
  const folders = new Map<string, string>();
  mkdirSync(parent, { recursive: true });
  await api.post('/apis/storage.k8s.io/v1/storageclasses', {
    metadata: { name: className, annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' } },
    provisioner: 'jobpulse.test/folders',
    reclaimPolicy: 'Retain',
    volumeBindingMode: 'Immediate',
  });
  const provide = async ({ metadata, spec }: Claim): Promise<void> => {
    const { name, namespace = '', uid } = metadata;
    const path = join(parent, `${namespace}-${name}-${uid}`);
    if (folders.get(`${namespace}/${name}`) === path) return;
    folders.set(`${namespace}/${name}`, path);
    mkdirSync(path, { recursive: true });
    chownSync(path, user, user);
    await api.post('/api/v1/persistentvolumes', {
      metadata: { name: `pvc-${uid}` },
      spec: {
        capacity: { storage: spec.resources.requests.storage },
        accessModes: spec.accessModes,
        persistentVolumeReclaimPolicy: 'Retain',
        storageClassName: className,
        claimRef: { namespace, name, uid },
        hostPath: { path, type: 'Directory' },
      },
    });
  };
  const follower = {
    changed: (claim: Claim) => {
      if (claim.spec.storageClassName !== className || claim.status?.phase !== 'Pending') return;
      // One that could not be made leaves its claim pending, which the test sees.
      provide(claim).catch((error: Error) => console.error(`no volume for ${claim.metadata.name}: ${error.message}`));
    },
    gone: () => undefined,
  };
  void follow<Claim>(api, '/api/v1/persistentvolumeclaims', follower, signal);
  return {
    of: (namespace, claim) => {
      const path = folders.get(`${namespace}/${claim}`);
      if (path === undefined) throw new Error(`nothing has claimed ${claim} in ${namespace}`);
      return path;
    },
  };
}

import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { describe } from 'vitest';
import { cacheFolder } from '../../../src/controller/standalone/folders.ts';

/** The programs of a control plane, and the client, of one version of Kubernetes. */
export const kubernetesVersion = '1.35.4';
export const programs = ['etcd', 'kube-apiserver', 'kube-controller-manager', 'kubectl'] as const;
export type Program = (typeof programs)[number];
/** The path of each program. */
export type Binaries = Readonly<Record<Program, string>>;

/** What a machine without the programs is told. */
export const howToGetKubernetes = '`npm run build:kubernetes` builds it once, in 3 to 8 minutes, with Go';

/** Where built programs are kept, for all working copies of this user. */
export function binariesFolder(env: NodeJS.ProcessEnv = process.env): string {
  return join(cacheFolder(env), `kubernetes-${kubernetesVersion}`);
}

/**
 * The programs, from the first place that has all of them: the folder `KUBEBUILDER_ASSETS`, the cache, `PATH`.
 * A place that has some is passed over, so that an API server and a controller manager of two versions do not meet.
 */
export function findKubernetes(env: NodeJS.ProcessEnv = process.env): Binaries | undefined {
  const places = [[env.KUBEBUILDER_ASSETS ?? ''], [binariesFolder(env)], (env.PATH ?? '').split(delimiter)];
  for (const folders of places) {
    const found = programs.flatMap((program) => {
      const path = folders.map((folder) => join(folder, program)).find(isExecutable);
      return path === undefined ? [] : [[program, path] as const];
    });
    if (found.length === programs.length) return Object.fromEntries(found) as Record<Program, string>;
  }
  return undefined;
}

export function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return path.startsWith('/');
  } catch {
    return false;
  }
}

/** Tests that need a Kubernetes API; where there is none they are counted as skipped, and say how to get it. */
export function describeWithKubernetes(name: string, tests: () => void): void {
  const missing = findKubernetes() === undefined;
  describe.skipIf(missing)(missing ? `${name} (needs Kubernetes: ${howToGetKubernetes})` : name, tests);
}

import { randomUUID } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pino } from 'pino';
import type { KubeObject, ResourceType } from '../../../../src/controller/kubernetes/api.ts';
import { type OpenKubeApi, openKubeApi } from '../../../../src/controller/kubernetes/client.ts';
import type { ControlPlane } from '../../../servers/kubernetes/controlPlane.ts';

export const silent = pino({ level: 'silent' });

export interface ConfigMap extends KubeObject {
  readonly data?: Readonly<Record<string, string>>;
}

export const configMaps: ResourceType<ConfigMap> = {
  group: '',
  version: 'v1',
  plural: 'configmaps',
  kind: 'ConfigMap',
};

/** A ConfigMap to be created. */
export const configMap = (namespace: string, name: string, data: Record<string, string> = {}): ConfigMap => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { namespace, name },
  data,
});

/** A new, empty namespace. */
export async function newNamespace(plane: ControlPlane): Promise<string> {
  const name = `t-${randomUUID().slice(0, 8)}`;
  const { code, stderr } = await plane.kubectl(['create', 'namespace', name]);
  if (code !== 0) throw new Error(stderr);
  return name;
}

/** The product's client, by way of another port of this machine. */
export async function openThrough(plane: ControlPlane, port: number): Promise<OpenKubeApi> {
  const config = (await readFile(plane.kubeconfig, 'utf8')).replaceAll(plane.url, `https://127.0.0.1:${port}`);
  const path = join(dirname(plane.kubeconfig), `kubeconfig-${randomUUID()}`);
  await writeFile(path, config, { mode: 0o600 });
  return openKubeApi({ kubeconfig: path, log: silent });
}

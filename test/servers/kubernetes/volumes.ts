import { chmod, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { type Api, ApiError } from './api.ts';
import { type FileSource, fileSources, type Pod, type Replacement, type Volume } from './podSpec.ts';

/** Why a container cannot be started yet, in the words of a kubelet; it is tried again. */
export class NotYet extends Error {
  readonly reason: string;
  constructor(reason: string, message: string) {
    super(message);
    this.reason = reason;
  }
}

/** Where a pod's volumes lie on the host. */
export interface VolumeFolders {
  /** Goes with the pod. */
  readonly pod: string;
  /** Claims outlive pods. */
  readonly claims: string;
}

/** The keys and values of a Secret or a ConfigMap; `undefined` when there is none. */
export async function valuesOf(
  api: Api,
  kind: 'secrets' | 'configmaps',
  namespace: string,
  name: string,
): Promise<ReadonlyMap<string, Buffer> | undefined> {
  try {
    const { data = {} } = await api.get<{ data?: Record<string, string> }>(
      `/api/v1/namespaces/${namespace}/${kind}/${name}`,
    );
    const encoding = kind === 'secrets' ? 'base64' : 'utf8';
    return new Map(Object.entries(data).map(([key, value]) => [key, Buffer.from(value, encoding)]));
  } catch (error) {
    if (error instanceof ApiError && error.code === 404) return undefined;
    throw error;
  }
}

/** Makes, or brings up to date, the folders of a pod's volumes; returns which path of the container is which folder. */
export async function mountVolumes(api: Api, pod: Pod, folders: VolumeFolders): Promise<readonly Replacement[]> {
  const outside = new Map<string, string>();
  for (const volume of pod.spec.volumes ?? []) {
    const folder = await mountVolume(api, pod, volume, folders);
    if (folder !== undefined) outside.set(volume.name, folder);
  }
  const [{ volumeMounts = [] }] = pod.spec.containers;
  return volumeMounts.flatMap(({ name, mountPath, subPath = '' }) => {
    const folder = outside.get(name);
    return folder === undefined ? [] : [{ inside: mountPath.replace(/(?<=.)\/$/, ''), outside: join(folder, subPath) }];
  });
}

async function mountVolume(api: Api, pod: Pod, volume: Volume, folders: VolumeFolders): Promise<string | undefined> {
  const { namespace } = pod.metadata;
  const sources = fileSources(volume);
  // Programs look for the service account's token at a fixed place, which this host does not have: see KUBECONFIG.
  if (volume.projected !== undefined && sources.length === 0) return undefined;
  if (volume.persistentVolumeClaim !== undefined) {
    return folder(join(folders.claims, namespace, volume.persistentVolumeClaim.claimName));
  }
  if (sources.length === 0 && volume.emptyDir === undefined) {
    throw new NotYet('ContainerCreating', `this node has no volumes of the kind of ${volume.name}`);
  }
  const path = await folder(join(folders.pod, volume.name));
  if (sources.length > 0) {
    const files = await Promise.all(sources.map((source) => filesOf(api, namespace, source)));
    await writeFiles(path, new Map(files.flat()));
  }
  return path;
}

/** The files that a Secret or ConfigMap is, each with its path in the volume. */
async function filesOf(
  api: Api,
  namespace: string,
  source: FileSource,
): Promise<readonly (readonly [string, Buffer])[]> {
  const { kind, name, optional = false } = source;
  const values = await valuesOf(api, kind, namespace, name);
  if (values === undefined && !optional) throw new NotYet('ContainerCreating', `${kind} "${name}" not found`);
  const items = source.items ?? [...(values?.keys() ?? [])].map((key) => ({ key, path: key }));
  return items.flatMap(({ key, path }) => {
    const value = values?.get(key);
    if (value !== undefined) return [[path, value] as const];
    if (!optional) throw new NotYet('ContainerCreating', `${kind} "${name}" has no ${key}`);
    return [];
  });
}

/** Each file is changed at once; those that are the same are not touched, those of keys that are gone go. */
async function writeFiles(target: string, files: ReadonlyMap<string, Buffer>): Promise<void> {
  for (const [path, content] of files) {
    const file = join(target, path);
    const before = await readFile(file).catch(() => undefined);
    if (before?.equals(content)) continue;
    await mkdir(dirname(file), { recursive: true });
    await writeFile(`${file}.new`, content, { mode: 0o400 });
    await chmod(`${file}.new`, 0o400);
    await rename(`${file}.new`, file);
  }
  for (const entry of await readdir(target, { withFileTypes: true, recursive: true })) {
    const file = join(entry.parentPath, entry.name);
    if (entry.isFile() && !files.has(relative(target, file))) await rm(file, { force: true });
  }
}

async function folder(path: string): Promise<string> {
  await mkdir(path, { recursive: true });
  return path;
}

import { type FSWatcher, watch } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Pipeline } from '../../api/index.ts';
import { TerminalError } from '../../run/errors.ts';

/** A manifest that may be run. */
export interface LoadedManifest {
  readonly pipeline: Pipeline;
  /** Where relative paths of `files` sources begin: beside the manifest. */
  readonly filesRoot: string;
}

/** Reads and checks a file; `undefined` = it is about something else. Throws what is wrong with it. */
export type LoadManifest = (file: string) => Promise<LoadedManifest | undefined>;

/** What has changed in a folder of manifests. */
export type ManifestChange =
  | { readonly type: 'valid'; readonly file: string; readonly manifest: LoadedManifest }
  /** `kept` = its last valid content goes on. */
  | { readonly type: 'invalid'; readonly file: string; readonly message: string; readonly kept: boolean }
  /** No file declares the pipeline any more. */
  | { readonly type: 'removed'; readonly pipeline: string };

/** A folder of manifests, as it was when it was last looked at. */
export interface ManifestFolder {
  /** The last valid manifest of each pipeline. */
  pipelines(): ReadonlyMap<string, LoadedManifest>;
  /** Looks again. A folder that cannot be read changes nothing: that is an error. */
  scan(): Promise<readonly ManifestChange[]>;
}

interface KnownFile {
  readonly text: string;
  /** What it holds, or held when it was last valid. */
  readonly manifest?: LoadedManifest;
  /** What is wrong with it. */
  readonly problem?: string;
}

const mostFiles = 1000;

/** The `*.yaml` files of a folder. Nothing is read before the first scan. */
export function openManifestFolder(folder: string, load: LoadManifest): ManifestFolder {
  let files: ReadonlyMap<string, KnownFile> = new Map();
  const pipelines = () => declared(files);
  return {
    pipelines,
    async scan() {
      const before = pipelines();
      const changes: ManifestChange[] = [];
      const paths = await manifestFiles(folder);
      const next = new Map(paths.flatMap((path) => withKnown(path, files.get(path))));
      for (const path of paths) {
        const text = await readFile(path, 'utf8').catch(() => undefined);
        const known = next.get(path);
        // One that was refused may be fine by now without having changed: its name may have become free.
        if (text === undefined || (text === known?.text && known.problem === undefined)) continue;
        next.delete(path);
        const found = await examine(path, text, load, { known, others: next });
        next.set(path, found);
        if (found.problem === undefined || found.problem !== known?.problem) changes.push(...changeOf(path, found));
      }
      files = next;
      const removed = [...before.keys()].filter((pipeline) => !pipelines().has(pipeline));
      return [...removed.map((pipeline) => ({ type: 'removed', pipeline }) as const), ...changes];
    },
  };
}

const withKnown = (path: string, known: KnownFile | undefined): [string, KnownFile][] => (known ? [[path, known]] : []);

const declared = (files: ReadonlyMap<string, KnownFile>): ReadonlyMap<string, LoadedManifest> =>
  new Map(
    [...files.values()].flatMap(({ manifest }) => (manifest ? [[manifest.pipeline.metadata.name, manifest]] : [])),
  );

/** Judges a file that is new or has changed. */
async function examine(
  path: string,
  text: string,
  load: LoadManifest,
  { known, others }: { readonly known: KnownFile | undefined; readonly others: ReadonlyMap<string, KnownFile> },
): Promise<KnownFile> {
  try {
    const manifest = await load(path);
    if (!manifest) return { text };
    refuseSecond(manifest, others);
    return { text, manifest };
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    return { text, problem, ...(known?.manifest && { manifest: known.manifest }) };
  }
}

function changeOf(file: string, { manifest, problem }: KnownFile): ManifestChange[] {
  if (problem !== undefined) return [{ type: 'invalid', file, message: problem, kept: manifest !== undefined }];
  return manifest ? [{ type: 'valid', file, manifest }] : [];
}

function refuseSecond({ pipeline }: LoadedManifest, others: ReadonlyMap<string, KnownFile>): void {
  const { name } = pipeline.metadata;
  for (const [path, { manifest }] of others) {
    if (manifest?.pipeline.metadata.name !== name) continue;
    throw new TerminalError('NameTaken', `${path} declares a Pipeline ${name} already; give one of them another name`);
  }
}

/** The manifests of a folder, by path; not being able to list them is an error. */
export async function manifestFiles(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    throw new TerminalError('FolderUnreadable', `${folder} cannot be read (${error.code}); name a folder of manifests`);
  });
  const names = entries.filter((name) => name.endsWith('.yaml') && !name.startsWith('.')).sort();
  if (names.length > mostFiles) {
    const found = `${folder} holds ${names.length} manifests, and ${mostFiles} are allowed`;
    throw new TerminalError('FolderUnreadable', `${found}; use several folders, each with its own --data-dir`);
  }
  return names.map((name) => join(folder, name));
}

/** Editors write in several steps: a folder is looked at when it has been quiet for so long. */
const quietMs = 200;
/** Some file systems do not tell of changes; a folder is looked at this often in any case. */
const regularMs = 30_000;

/** Calls `look` whenever a folder may have changed, until the returned function is called. */
export function watchFolder(folder: string, look: () => void): () => void {
  const regular = setInterval(look, regularMs);
  let quiet: NodeJS.Timeout | undefined;
  const soon = () => {
    clearTimeout(quiet);
    quiet = setTimeout(look, quietMs);
  };
  let watcher: FSWatcher | undefined;
  try {
    watcher = watch(folder, soon).on('error', () => undefined);
  } catch {
    // No watches left: the regular look is enough.
  }
  return () => {
    watcher?.close();
    clearTimeout(quiet);
    clearInterval(regular);
  };
}

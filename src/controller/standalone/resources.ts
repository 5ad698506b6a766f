import { mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Pipeline, PipelineRun } from '../../api/index.ts';
import { TerminalError } from '../../run/errors.ts';
import { canonical, type Json } from '../../run/key.ts';

/** What every stored object has. */
interface Resource {
  readonly metadata: { readonly name: string; readonly generation?: number };
  readonly spec: object;
  readonly status?: object;
}

/** The objects of one kind. Only the owner of the data directory writes; anybody may read. */
export interface Collection<Kind extends Resource> {
  get(name: string): Promise<Kind | undefined>;
  /** In order of their names. */
  list(): Promise<Kind[]>;
  /** Creates the object unless there is one of that name; tells whether it did. */
  create(object: Kind): Promise<boolean>;
  /**
   * Replaces an object by what `change` makes of it. `generation` grows when the spec changes;
   * an object that stays the same is not written.
   */
  update(name: string, change: (object: Kind) => Kind): Promise<void>;
  delete(name: string): Promise<void>;
}

export interface Resources {
  readonly pipelines: Collection<Pipeline>;
  readonly runs: Collection<PipelineRun>;
}

/** The resource store of a machine without a cluster: one JSON file per object, always whole. */
export function openResources(dataDir: string, namespace: string): Resources {
  const folder = (kind: string) => join(dataDir, 'resources', kind, namespace);
  return { pipelines: openCollection(folder('pipelines')), runs: openCollection(folder('pipelineruns')) };
}

function openCollection<Kind extends Resource>(folder: string): Collection<Kind> {
  const file = (name: string) => join(folder, `${name}.json`);
  // Reading, changing and writing of one update happen before those of the next.
  let turn: Promise<unknown> = Promise.resolve();
  const inTurn = <Result>(work: () => Promise<Result>): Promise<Result> => {
    const result = turn.then(work);
    turn = result.catch(() => undefined);
    return result;
  };
  const get = (name: string) => readObject<Kind>(file(name));
  return {
    get,
    async list() {
      const names = (await readdir(folder).catch(() => [])).filter((name) => name.endsWith('.json')).sort();
      const objects = await Promise.all(names.map((name) => readObject<Kind>(join(folder, name))));
      return objects.filter((object) => object !== undefined);
    },
    create: (object) =>
      inTurn(async () => {
        if (await get(object.metadata.name)) return false;
        await writeObject(folder, file(object.metadata.name), withGeneration(object, 1));
        return true;
      }),
    update: (name, change) =>
      inTurn(async () => {
        const before = await get(name);
        if (!before) return;
        const after = change(before);
        if (same(before, after)) return;
        const generation = (before.metadata.generation ?? 1) + (same(before.spec, after.spec) ? 0 : 1);
        await writeObject(folder, file(name), withGeneration(after, generation));
      }),
    delete: (name) => inTurn(() => rm(file(name), { force: true })),
  };
}

const same = (a: object, b: object): boolean => canonical(a as Json) === canonical(b as Json);

const withGeneration = <Kind extends Resource>(object: Kind, generation: number): Kind => ({
  ...object,
  metadata: { ...object.metadata, generation },
});

async function readObject<Kind>(path: string): Promise<Kind | undefined> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text) as Kind;
  } catch {
    throw new TerminalError(
      'DataDirUnusable',
      `${path} is not valid JSON: something else wrote it; remove it, then start again`,
    );
  }
}

/** Writes beside the file and renames: a reader, or a start after a crash, sees the old object or the new one. */
async function writeObject(folder: string, path: string, object: object): Promise<void> {
  await mkdir(folder, { recursive: true });
  const temporary = `${path}.tmp`; // one writer, one write at a time: what a crash left here is overwritten
  const handle = await open(temporary, 'w', 0o600);
  try {
    await handle.writeFile(JSON.stringify(object, null, 1));
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(temporary, path);
}

import { mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Pipeline, PipelineRun } from '../../api/index.ts';
import { mapBounded } from '../../lake/lake.ts';
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

/**
 * The resource store of a machine without a cluster: one JSON file per object, always whole.
 * The owner of the data directory is the only one who writes, so it reads each file once.
 */
export function openResources(dataDir: string, namespace: string, who: 'Owner' | 'Reader' = 'Reader'): Resources {
  const folder = (kind: string) => join(dataDir, 'resources', kind, namespace);
  return { pipelines: openCollection(folder('pipelines'), who), runs: openCollection(folder('pipelineruns'), who) };
}

function openCollection<Kind extends Resource>(folder: string, who: 'Owner' | 'Reader'): Collection<Kind> {
  const file = (name: string) => join(folder, `${name}.json`);
  let known: Promise<Map<string, Kind>> | undefined;
  const objects = (): Promise<Map<string, Kind>> => {
    if (who === 'Reader') return readObjects(folder);
    known ??= readObjects(folder);
    return known;
  };
  // Reading, changing and writing of one update happen before those of the next.
  let turn: Promise<unknown> = Promise.resolve();
  const inTurn = <Result>(work: (all: Map<string, Kind>) => Promise<Result>): Promise<Result> => {
    const result = turn.then(async () => work(await objects()));
    turn = result.catch(() => undefined);
    return result;
  };
  const write = async (all: Map<string, Kind>, object: Kind): Promise<void> => {
    await writeObject(folder, file(object.metadata.name), object);
    all.set(object.metadata.name, object);
  };
  return {
    get: async (name) => (await objects()).get(name),
    list: async () => [...(await objects())].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, object]) => object),
    create: (object) =>
      inTurn(async (all) => {
        if (all.has(object.metadata.name)) return false;
        await write(all, withGeneration(object, 1));
        return true;
      }),
    update: (name, change) =>
      inTurn(async (all) => {
        const before = all.get(name);
        if (!before) return;
        const after = change(before);
        if (same(before, after)) return;
        const generation = (before.metadata.generation ?? 1) + (same(before.spec, after.spec) ? 0 : 1);
        await write(all, withGeneration(after, generation));
      }),
    delete: (name) =>
      inTurn(async (all) => {
        await rm(file(name), { force: true });
        all.delete(name);
      }),
  };
}

const same = (a: object, b: object): boolean => canonical(a as Json) === canonical(b as Json);

const withGeneration = <Kind extends Resource>(object: Kind, generation: number): Kind => ({
  ...object,
  metadata: { ...object.metadata, generation },
});

async function readObjects<Kind>(folder: string): Promise<Map<string, Kind>> {
  const files = (await readdir(folder).catch(() => [])).filter((name) => name.endsWith('.json'));
  const objects = await mapBounded(files, 32, (name) => readObject<Kind>(join(folder, name)));
  return new Map(objects.flatMap((object, at) => (object ? [[files[at]?.replace(/\.json$/, '') ?? '', object]] : [])));
}

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

import type { KubeObject, ObjectKey } from '../api.ts';

/** A change of what is in the store. */
export interface Change<Kind> {
  readonly key: ObjectKey;
  readonly object: Kind | undefined;
  readonly before: Kind | undefined;
}

/**
 * Objects of one kind by key, namespace and owner, each at the newest version that was seen. Versions of one kind are
 * numbers that grow with every write of any object, so an older one can be told whatever way it came by.
 */
export interface Store<Kind extends KubeObject> {
  get(key: ObjectKey): Kind | undefined;
  list(namespace?: string, group?: string): readonly Kind[];
  ownedBy(uid: string): readonly Kind[];
  /** The list of all objects as they were at a version. */
  replace(objects: readonly Kind[], version: string): readonly Change<Kind>[];
  /** The watch says that an object came or changed. */
  put(object: Kind): readonly Change<Kind>[];
  /** The watch says that an object went; its version is that of its end. */
  remove(object: Kind): readonly Change<Kind>[];
  /** What the API server answered to a write: it may be ahead of the watch, or behind it. */
  remember(object: Kind): readonly Change<Kind>[];
  /** The watch has come to a version. */
  reach(version: string): void;
  /** Where a watch goes on; `undefined` before the first list. */
  reached(): string | undefined;
}

/** @param groupOf by what objects of a namespace are asked for together; not at all when absent */
export function openStore<Kind extends KubeObject>(groupOf?: (object: Kind) => string | undefined): Store<Kind> {
  const objects = new Map<string, Kind>();
  const byPlace = openIndex<Kind>((object) => {
    const { namespace = '' } = object.metadata;
    const group = groupOf?.(object);
    return group === undefined ? [namespace] : [namespace, placeOf(namespace, group)];
  });
  const byOwner = openIndex<Kind>(({ metadata }) => (metadata.ownerReferences ?? []).map(({ uid }) => uid));
  let reached: string | undefined;

  const set = (id: string, object: Kind | undefined): readonly Change<Kind>[] => {
    const before = objects.get(id);
    for (const index of [byPlace, byOwner]) {
      if (before) index.drop(id, before);
      if (object) index.put(id, object);
    }
    if (object) objects.set(id, object);
    else objects.delete(id);
    const last = object ?? before;
    return last ? [{ key: keyOf(last), object, before }] : [];
  };
  const reach = (version: string): void => {
    if (reached === undefined || numberOf(version) > numberOf(reached)) reached = version;
  };
  const putIfNewer = (object: Kind): readonly Change<Kind>[] => {
    const id = idOf(keyOf(object));
    const before = objects.get(id);
    return before && versionOf(object) <= versionOf(before) ? [] : set(id, object);
  };

  return {
    get: (key) => objects.get(idOf(key)),
    list: (namespace, group) =>
      namespace === undefined ? [...objects.values()] : byPlace.get(placeOf(namespace, group)),
    ownedBy: byOwner.get,
    replace(listed, version) {
      const there = new Set(listed.map((object) => idOf(keyOf(object))));
      // A list is never behind the watch, unless etcd was restored from a backup: then what we have is of another time.
      const restored = reached !== undefined && numberOf(version) < numberOf(reached);
      // What is newer than the list was written after it was made.
      const gone = [...objects].filter(
        ([id, held]) => !there.has(id) && (restored || versionOf(held) <= numberOf(version)),
      );
      reached = version;
      const put = restored ? (object: Kind) => set(idOf(keyOf(object)), object) : putIfNewer;
      return [...gone.flatMap(([id]) => set(id, undefined)), ...listed.flatMap(put)];
    },
    put(object) {
      reach(object.metadata.resourceVersion ?? '0');
      return putIfNewer(object);
    },
    remove(object) {
      reach(object.metadata.resourceVersion ?? '0');
      const id = idOf(keyOf(object));
      const held = objects.get(id);
      // One of the same name that was made after this end stays.
      return held && versionOf(held) <= versionOf(object) ? set(id, undefined) : [];
    },
    remember(object) {
      const known = objects.has(idOf(keyOf(object)));
      // The watch has passed this version and the object is not there: it has gone since.
      const over = reached !== undefined && versionOf(object) <= numberOf(reached);
      return !known && over ? [] : putIfNewer(object);
    },
    reach,
    reached: () => reached,
  };
}

/** Objects by something that several may share. */
function openIndex<Kind extends KubeObject>(wordsOf: (object: Kind) => readonly string[]) {
  const groups = new Map<string, Map<string, Kind>>();
  return {
    get: (word: string): readonly Kind[] => [...(groups.get(word)?.values() ?? [])],
    put(id: string, object: Kind): void {
      for (const word of wordsOf(object)) {
        const group = groups.get(word) ?? new Map<string, Kind>();
        groups.set(word, group.set(id, object));
      }
    },
    drop(id: string, object: Kind): void {
      for (const word of wordsOf(object)) {
        const group = groups.get(word);
        group?.delete(id);
        if (group?.size === 0) groups.delete(word);
      }
    },
  };
}

/** A namespace, or a group in it; no name of a namespace holds a slash. */
const placeOf = (namespace: string, group: string | undefined): string =>
  group === undefined ? namespace : `${namespace}/${group}`;

const keyOf = ({ metadata }: KubeObject): ObjectKey => ({ namespace: metadata.namespace ?? '', name: metadata.name });

const idOf = ({ namespace, name }: ObjectKey): string => `${namespace}/${name}`;

const versionOf = ({ metadata }: KubeObject): bigint => numberOf(metadata.resourceVersion ?? '0');

/** Since Kubernetes 1.35 it is promised that versions are numbers that can be compared; they always were. */
const numberOf = (version: string): bigint => BigInt(version);

import { checkedPath } from './paths.ts';
import type { Store } from './store.ts';

/** A store as seen from one of its folders: paths go in and come out without the prefix. */
export function prefixed(store: Store, prefix: string): Store {
  const root = `${checkedPath(prefix)}/`;
  const inside = (path: string) => root + checkedPath(path);
  return {
    putIfAbsent: async (path, content) => store.putIfAbsent(inside(path), content),
    get: async (path) => store.get(inside(path)),
    range: async (path, start, end) => store.range(inside(path), start, end),
    delete: async (path) => store.delete(inside(path)),
    async *list(folder) {
      for await (const object of store.list(folder === '' ? prefix : inside(folder))) {
        yield { ...object, path: object.path.slice(root.length) };
      }
    },
    ...(store.folders && { folders: async (path: string) => (await store.folders?.(inside(path))) ?? [] }),
    ...(store.download && {
      download: async (path: string, file: string) => (await store.download?.(inside(path), file)) ?? false,
    }),
    ...(store.localPath && { localPath: (path: string) => store.localPath?.(inside(path)) ?? '' }),
  };
}

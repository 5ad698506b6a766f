import { join } from 'node:path';
import { filesystemStore } from './filesystem.ts';
import { keptDownloads } from './kept.ts';
import type { S3Place } from './s3/place.ts';
import { s3Store } from './s3.ts';
import type { Store } from './store.ts';

/** Where a lake is: a folder of this machine, or a bucket. */
export type LakePlace = string | S3Place;

/** The most that is kept of a lake elsewhere. */
const keptBytes = 2 ** 30;

/** Stores that are open; a process has one lake, and its connections are shared by all who use it. */
const buckets = new Map<string, Store>();
const mostBuckets = 4;

/** The store at a place. Files that DuckDB reads out of a bucket are kept in `scratch`, if there is one. */
export function openStore(place: LakePlace, scratch?: string): Store {
  if (typeof place === 'string') return filesystemStore(place);
  const name = JSON.stringify([place, scratch]);
  const store = buckets.get(name) ?? openBucket(place, scratch);
  if (buckets.size >= mostBuckets) buckets.clear();
  buckets.set(name, store);
  return store;
}

function openBucket(place: S3Place, scratch: string | undefined): Store {
  const store = s3Store(place);
  return scratch === undefined ? store : keptDownloads(store, join(scratch, 'lake'), keptBytes);
}

/** The folder of a lake that is on this machine. */
export const folderOf = (place: LakePlace): string | undefined => (typeof place === 'string' ? place : undefined);

import { isWindow } from '../run/slices.ts';
import type { Slice, StageName } from '../run/types.ts';

/** Where everything lies below `<namespace>/<pipeline>/`. The layout is a contract: other tools read it. */
export const layout = {
  owner: () => 'owner.json',
  rawFolder: (dataset: string, slice: Slice, key: string) => `raw/${dataset}/${firstDay(slice)}/${key}`,
  /** `index` counts the responses, files or pages of one step from 0. */
  rawBody: (folder: string, index: number, extension: string) => `${folder}/${pad(index)}.${extension}.zst`,
  rawMeta: (folder: string, index: number) => `${folder}/${pad(index)}.meta.json`,
  /** `partition` is `<p1=v1>/<p2=v2>` or empty. */
  clean: (dataset: string, partition: string, contentHash: string) =>
    ['clean', dataset, ...(partition === '' ? [] : [partition]), `${contentHash.slice(0, 16)}.parquet`].join('/'),
  seen: (dataset: string, contentHash: string) => `clean/${dataset}/_seen/${contentHash.slice(0, 16)}.parquet`,
  /** Manifests that a pack took the place of. */
  replaced: (dataset: string, contentHash: string) =>
    `clean/${dataset}/_manifests/${contentHash.slice(0, 16)}.jsonl.zst`,
  quarantine: (dataset: string, contentHash: string) => `quarantine/${dataset}/${contentHash.slice(0, 16)}.parquet`,
  spec: (digest: string) => `_jobpulse/specs/${digest.replace('sha256:', '')}.json`,
  steps: (dataset?: string, stage?: StageName) =>
    ['_jobpulse/steps', ...(dataset ? [dataset] : []), ...(dataset && stage ? [stage.toLowerCase()] : [])].join('/'),
  manifest: (dataset: string, stage: StageName, slice: Slice, key: string) =>
    `_jobpulse/steps/${dataset}/${stage.toLowerCase()}/${sliceName(slice)}/${key}.json`,
  /** Says that a step's raw bytes are beyond their retention, so that nobody asks the source for them again. */
  expired: (dataset: string, key: string) => `_jobpulse/expired/${dataset}/${key}.json`,
  itemLists: (dataset?: string) => ['_jobpulse/items', ...(dataset ? [dataset] : [])].join('/'),
  /** Which items a run asks for. */
  itemList: (dataset: string, number: number) => `${layout.itemLists(dataset)}/${String(number).padStart(9, '0')}.json`,
  /** What planning need not read again of a dataset. */
  index: (dataset: string) => `_jobpulse/index/${dataset}.json`,
  /** From which item on the items of a step wait for another run. */
  deferred: (folder: string) => `${folder}/deferred.json`,
  runReport: (run: string) => `_jobpulse/runs/${run}.json`,
};

/** Where the accounts of sources lie, below the namespace: pipelines share them. */
export const accounts = {
  folder: (key: string) => `_limits/${encodeURIComponent(key)}`,
  reservation: (key: string, number: number) => `${accounts.folder(key)}/${String(number).padStart(9, '0')}.json`,
  ending: (key: string, number: number) => `${accounts.folder(key)}/${String(number).padStart(9, '0')}.end.json`,
};

/**
 * `20261120T120000123Z` for a snapshot, `20261120T110000000Z-20261120T120000000Z` for a window: sorts by time and is safe
 * in a path. Looks at one window at different times have one name, and different keys.
 */
export const sliceName = (slice: Slice): string =>
  isWindow(slice) ? `${compact(slice.start)}-${compact(slice.end)}` : compact(slice.asOf);

const compact = (iso: string): string => iso.replace(/[-:.]/g, '');

/** UTC date of a window's start, or of when a snapshot was taken. */
const firstDay = (slice: Slice): string => (isWindow(slice) ? slice.start : slice.asOf).slice(0, 10);

const pad = (index: number): string => String(index).padStart(6, '0');

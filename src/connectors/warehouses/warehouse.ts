import type { Load, Model } from '../../api/index.ts';
import { TerminalError } from '../../run/errors.ts';
import { positionOf } from '../../run/slices.ts';
import type { ColumnSchema, LoadLedger, ModelLedger, Notice, Slice } from '../../run/types.ts';

/**
 * Where tables live. Loads and models of one warehouse are serial, each is one transaction, and whoever asks twice
 * under one key is told the first answer.
 */
export interface Warehouse {
  /** Applies snapshots to a table. */
  load(request: LoadRequest, signal: AbortSignal): Promise<LoadOutcome>;
  /** Builds a model, checks it, and only then shows it to readers. */
  buildModel(request: ModelRequest, signal: AbortSignal): Promise<ModelOutcome>;
  /** Waits for work under way and leaves the warehouse ready for another process. */
  close(): Promise<void>;
}

/** A table as the manifest declares it. */
export interface TableSpec {
  readonly schema: string;
  readonly name: string;
  readonly columns: readonly ColumnSchema[];
  readonly key: readonly string[];
  /** Column whose greatest value wins, and of equal ones the greatest row hash; absent = the newest slice wins. */
  readonly version?: string;
  readonly load: Pick<Load, 'mode' | 'onMissing' | 'maxMissingPercent' | 'ignoreChanges' | 'tombstone'>;
  /** In which the date of a transfer is told. */
  readonly timeZone: string;
  /** How long a table is kept when its columns change so that the new one lacks something of it. */
  readonly keepReplacedMs: number;
}

/** One snapshot or window of a source, as far as its table is concerned. */
export interface LoadSlice {
  readonly asOf: string;
  readonly params: string;
  /** Of a window: the period it is about. */
  readonly start?: string;
  readonly end?: string;
  /** Parquet files in the lake: the cleaned rows. */
  readonly files: readonly string[];
  /** Parquet files in the lake: the keys of all records read, kept or not. */
  readonly seen: readonly string[];
  /** What the source says it holds, when it says so. */
  readonly total?: number;
  /** Why rows that are not in this snapshot may still be at the source; absent when the snapshot is whole. */
  readonly incomplete?: string;
}

/**
 * Where a slice stands in the fold that makes its table, as a text that sorts: snapshots by their time, windows by the
 * period they are about.
 */
export const placeOf = (slice: LoadSlice): string => positionOf(sliceOf(slice));

/** What a slice is about. */
export const sliceOf = ({ asOf, params, start, end }: LoadSlice): Slice =>
  start === undefined || end === undefined ? { asOf, params } : { asOf, params, start, end };

export interface LoadRequest {
  /** Names the work: asked twice, it is done once. */
  readonly key: string;
  readonly table: TableSpec;
  /** In the order of their places. */
  readonly slices: readonly LoadSlice[];
  /** True: the slices are all there are, and the table is built anew from them. */
  readonly rebuild: boolean;
  /** Where the rows of files in the lake are on this machine, in the order of the paths. */
  readonly locate: (paths: readonly string[]) => Promise<LocalFile[]>;
}

/** Where the rows of a file of the lake are on this machine: in a file of their own, or with those of others in a pack. */
export interface LocalFile {
  readonly path: string;
  /** Of a pack: its rows that are meant, by what they have in the column `packedFrom`. */
  readonly packedFrom?: string;
}

/** The column of a pack that says which file of the lake a row comes from: the name, without its extension. */
export const packedFrom = '_packed_from';

export interface LoadOutcome {
  readonly ledger: LoadLedger;
  /** Rows of the table after the load, those marked as removed included. */
  readonly rows: number;
  readonly rowsHash: string;
  readonly notices: readonly Notice[];
}

export interface ModelRequest {
  readonly model: Model;
  readonly schema: string;
  /** Datasets and models that its SQL may read. */
  readonly tables: readonly string[];
}

export interface ModelOutcome {
  readonly ledger: ModelLedger;
  readonly rowsHash: string;
  readonly schema: readonly ColumnSchema[];
  readonly notices: readonly Notice[];
  readonly insight: string;
}

/** A file that a manifest names is gone. */
export const lakeFileMissing = (path: string, where: string): TerminalError =>
  new TerminalError(
    'LakeFileMissing',
    `${where}: ${path} is not in the lake, but a Clean manifest names it; ` +
      'restore the file, or delete that manifest so that the next run cleans the snapshot again',
  );

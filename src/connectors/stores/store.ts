/** Where the lake's bytes live. Five functions; paths are relative, `/`-separated and never leave the store. */
export interface Store {
  /** Creates an object with all its bytes or does nothing; of any number of writers exactly one is told `created`. */
  putIfAbsent(path: string, content: Uint8Array | { readonly file: string }): Promise<'created' | 'exists'>;
  /** The whole object, or `undefined` when there is none. */
  get(path: string): Promise<Buffer | undefined>;
  /** Bytes `[start, end)` of an object. */
  range(path: string, start: number, end: number): Promise<Buffer>;
  /** Objects below a prefix (a folder path), in no promised order. */
  list(prefix: string): AsyncIterable<StoredObject>;
  /** Removes an object; one that is not there is no error. */
  delete(path: string): Promise<void>;
  /** Names of the folders right below a prefix, where the store can tell them without listing all that is in them. */
  folders?(prefix: string): Promise<string[]>;
  /** A path on this machine that DuckDB can read in place, where the store has one. */
  localPath?(path: string): string;
  /** Makes a file of an object, where the store has a better way than by ranges; `false` when there is no object. */
  download?(path: string, file: string): Promise<boolean>;
}

export interface StoredObject {
  readonly path: string;
  readonly bytes: number;
  readonly modifiedAt: Date;
}

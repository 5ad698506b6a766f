import type { DuckDBConnection } from '@duckdb/node-api';
import type { RawMeta } from '../lake/raw.ts';
import type { Notice } from '../run/types.ts';

/** A raw body on this machine. */
export interface Body {
  /** Its number among the bodies of the step, from 0. */
  readonly file: number;
  /** Path of the compressed file. */
  readonly local: string;
  readonly meta: RawMeta;
}

/** What a column wants of each record. */
export interface Want {
  /** JSONPath or header, as in the manifest. */
  readonly from: string;
  /** `text`: one VARCHAR; `list`: a list of them; `json`: the JSON as it is. */
  readonly as: 'text' | 'list' | 'json';
  /** What stands before the fraction in texts that are numbers. Numbers of JSON have a point whatever texts have. */
  readonly decimal?: string;
}

/** Where a format reads from and works. */
export interface Source {
  readonly connection: DuckDBConnection;
  readonly bodies: readonly Body[];
  /** Folder of this step's own, which the database may read. */
  readonly scratch: string;
  readonly signal: AbortSignal;
}

/** All records of a step, in the database. */
export interface Records {
  /**
   * Relation with a row for each record:
   * `_file`, `_source_row` (line of a text, index in a document; from 1),
   * `_broken` (the rule that the bytes of the record break, or null) and `_found` (what was found then),
   * and for want *i*: `_f<i>` (its value) and `_x<i>` (there is a value, but an object or list where text is wanted).
   */
  readonly fields: string;
  /** Relation of `_file`, `_source_row` and `record`: the record as JSON text. */
  readonly raw: string;
  /** How many records there are, counted apart from the database where the format can. */
  readonly count?: number;
  /** Wants whose header no file, or not every file, has. */
  readonly absent: readonly AbsentHeader[];
  readonly notices: readonly Notice[];
}

export interface AbsentHeader {
  readonly want: number;
  readonly uri: string;
  /** The headers that file has instead. */
  readonly headers: readonly string[];
}

/** The longest text of a broken record that is shown as found. */
export const foundLength = 200;

/** The longest record of a text format. */
export const maxRecordBytes = 16 * 2 ** 20;

/** How much is kept of one that is longer. */
export const keptBytes = 64 * 2 ** 10;

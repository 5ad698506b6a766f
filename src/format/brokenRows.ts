import type { Notice } from '../run/types.ts';
import { foundLength, type Want } from './records.ts';
import { fieldColumns } from './relation.ts';
import { RowFile, restored } from './rowFile.ts';

/** Rules that the bytes of a record can break. */
export type BrokenRule = 'csv' | 'json' | 'encoding';

/** Records that could not be read: kept as text, line by line, so that nothing is lost. */
export class BrokenRows {
  readonly #rows: RowFile;
  #misread = 0;

  constructor(path: string) {
    this.#rows = new RowFile(path, () => {
      throw new Error('text that was made valid UTF-8 is not');
    });
  }

  get rows(): number {
    return this.#rows.rows;
  }

  /** Takes a record as it stands in the text; bytes that are no UTF-8 are replaced. */
  add(file: number, line: number, rule: BrokenRule, text: Buffer): void {
    if (rule === 'encoding') this.#misread += 1;
    const lines = text
      .toString('utf8')
      .replace(/\r?\n$|\r$/, '')
      .replaceAll('\x1f', ' ');
    const safe = lines.replace(/\r\n?|\n/g, '\x1e');
    this.#rows.add(file, line, Buffer.from(`${rule}\x1f${safe}`));
  }

  flush(): Promise<void> {
    return this.#rows.flush();
  }

  close(): Promise<void> {
    return this.#rows.close();
  }

  /** For a `fields` relation: none or one SELECT. */
  fields(wants: readonly Want[]): string[] {
    const columns = fieldColumns(wants, () => ({ value: 'NULL', odd: 'false' }));
    return this.#select(`_file, _source_row, rule, left(${restored('text')}, ${foundLength}), ${columns}`);
  }

  /** For a `raw` relation: none or one SELECT. */
  raw(): string[] {
    return this.#select(`_file, _source_row, to_json(${restored('text')})::VARCHAR`);
  }

  /** Says how many lines were in another encoding, and what to do about it. */
  notices(fix: string): Notice[] {
    if (this.#misread === 0) return [];
    const what = this.#misread === 1 ? '1 line is' : `${this.#misread} lines are`;
    return [{ reason: 'EncodingWrong', message: `${what} not UTF-8 and went to quarantine; ${fix}` }];
  }

  #select(columns: string): string[] {
    return this.rows === 0 ? [] : [`SELECT ${columns} FROM ${this.#rows.sql(['rule', 'text'])}`];
  }
}

/** Closes files one after the other. Broken rows come last: closing another file may still find some. */
export async function closeInOrder(files: readonly (RowFile | BrokenRows)[]): Promise<void> {
  for (const file of files) await file.close();
}

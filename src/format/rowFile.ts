import { isUtf8 } from 'node:buffer';
import { type FileHandle, open } from 'node:fs/promises';
import { literal } from '../connectors/duckdb.ts';

/** Bytes that separate values and stand for line breaks inside values. Text that has them loses them. */
export const separator = 0x1f;
export const lineBreak = 0x1e;

const newline = 0x0a;
const flushAt = 1 << 20;

/**
 * Rows on their way to DuckDB, in a form that leaves it nothing to guess and nothing to refuse: values apart by 0x1f,
 * one row a line, no quotes, line breaks inside values as 0x1e, valid UTF-8 only.
 */
export class RowFile {
  readonly path: string;
  rows = 0;
  readonly #invalid: (file: number, line: number, values: Buffer) => void;
  #handle: FileHandle | undefined;
  #pending: Buffer = Buffer.allocUnsafe(flushAt);
  #length = 0;
  #longest = 0;

  /** `invalid` is told of rows that are not UTF-8; they are not written. */
  constructor(path: string, invalid: (file: number, line: number, values: Buffer) => void) {
    this.path = path;
    this.#invalid = invalid;
  }

  /** Takes a row: its values with separators between them. The bytes are copied. */
  add(file: number, line: number, values: Uint8Array): void {
    const position = `${file}\x1f${line}\x1f`;
    const needed = this.#length + position.length + values.length + 1;
    if (needed > this.#pending.length) this.#grow(needed);
    this.#length += this.#pending.write(position, this.#length, 'latin1');
    this.#pending.set(values, this.#length);
    this.#length += values.length;
    this.#pending[this.#length++] = newline;
    this.#longest = Math.max(this.#longest, position.length + values.length);
    this.rows += 1;
  }

  /** Writes what has gathered, once it is worth a write. */
  async flush(always = false): Promise<void> {
    if (this.#length < flushAt && !always) return;
    const batch = this.#pending.subarray(0, this.#length);
    this.#handle ??= await open(this.path, 'w');
    await this.#handle.writeFile(isUtf8(batch) ? batch : this.#validRows(batch));
    this.#length = 0;
  }

  async close(): Promise<void> {
    await this.flush(true);
    await this.#handle?.close();
  }

  /** SQL that reads the file: `_file`, `_source_row` and the named texts. */
  sql(texts: readonly string[]): string {
    const columns = [
      "'_file': 'INTEGER'",
      "'_source_row': 'BIGINT'",
      ...texts.map((name) => `${literal(name)}: 'VARCHAR'`),
    ];
    const size = Math.max(2 * flushAt, 2 * this.#longest);
    return (
      `read_csv(${literal(this.path)}, columns = {${columns.join(', ')}}, delim = '\x1f', quote = '', escape = '', ` +
      `header = false, auto_detect = false, strict_mode = true, new_line = '\\n', max_line_size = ${size})`
    );
  }

  #grow(needed: number): void {
    const larger = Buffer.allocUnsafe(Math.max(needed, 2 * this.#pending.length));
    this.#pending.copy(larger, 0, 0, this.#length);
    this.#pending = larger;
  }

  #validRows(batch: Buffer): Buffer {
    const valid: Buffer[] = [];
    for (let start = 0; start < batch.length; ) {
      const end = batch.indexOf(newline, start) + 1;
      const row = batch.subarray(start, end);
      start = end;
      if (isUtf8(row)) valid.push(row);
      else this.#refuse(row);
    }
    return Buffer.concat(valid);
  }

  #refuse(row: Buffer): void {
    const afterFile = row.indexOf(separator);
    const afterLine = row.indexOf(separator, afterFile + 1);
    const [file, line] = row.toString('latin1', 0, afterLine).split('\x1f');
    this.rows -= 1;
    this.#invalid(Number(file), Number(line), row.subarray(afterLine + 1, -1));
  }
}

/** SQL that gives a value of a row file its line breaks back. */
export const restored = (column: string): string => `replace(${column}, chr(30), chr(10))`;

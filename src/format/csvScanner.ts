import { keptBytes, maxRecordBytes } from './records.ts';
import { lineBreak, separator } from './rowFile.ts';

/** How values are told apart. */
export interface CsvDialect {
  readonly delimiter: Buffer;
  /** Absent: nothing encloses values. */
  readonly quote: number | undefined;
  /** Lines to leave out at the start. */
  readonly skip: number;
}

/** Where records go. The bytes are valid until the call returns. */
export interface CsvSink {
  /** A record: its values with separators between them. Each has as many values as the first one of the text. */
  record(line: number, values: Buffer): void;
  /** A line that is no record, or a record with another number of values; as it stands in the text. */
  broken(line: number, text: Buffer): void;
}

/** `short`: more bytes are needed to tell. `stray`: a quote stands where none can. */
type Ending = 'value' | 'record' | 'short' | 'stray';

const [lf, cr, space] = [0x0a, 0x0d, 0x20];

/**
 * Cuts delimited text (RFC 4180) into records, whatever is wrong with some of them. A quote that is not closed, or
 * closed where a value cannot end, costs its own line only: reading goes on with the line after it. So no text is
 * lost and no line is silently swallowed by another. Works on bytes, in one pass, with a bounded buffer.
 */
export class CsvScanner {
  readonly #dialect: CsvDialect;
  readonly #sink: CsvSink;
  /** The text from the start of the record under way. */
  #input: Buffer = Buffer.alloc(0);
  #at = 0;
  #line = 1;
  #final = false;
  /** The values of the record under way. They never take more room than their text. */
  #output: Buffer = Buffer.alloc(0);
  #length = 0;
  #count = 0;
  /** Values in each record, once known. */
  #columns: number | undefined;
  #skip: number;
  /** Looking again is worthwhile when this much text is there: keeps the cost of an unclosed quote linear. */
  #patience = 0;

  constructor(dialect: CsvDialect, sink: CsvSink) {
    this.#dialect = dialect;
    this.#sink = sink;
    this.#skip = dialect.skip;
  }

  /** Takes the next piece of the text. */
  push(chunk: Buffer): void {
    this.#input = this.#input.length === 0 ? chunk : Buffer.concat([this.#input, chunk]);
    if (this.#input.length >= this.#patience) this.#scan();
  }

  /** The text is over. */
  end(): void {
    this.#final = true;
    this.#scan();
  }

  #scan(): void {
    if (this.#output.length <= this.#input.length) this.#output = Buffer.allocUnsafe(this.#input.length + 1);
    this.#at = 0;
    while (this.#at < this.#input.length) {
      const [start, line] = [this.#at, this.#line];
      if (this.#next(start, line)) continue;
      [this.#at, this.#line] = [start, line];
      break;
    }
    this.#input = this.#input.subarray(this.#at);
    this.#patience = 2 * this.#input.length;
  }

  /** Deals with what begins here; false when that takes more text. */
  #next(start: number, line: number): boolean {
    if (this.#skip > 0) return this.#skipLine();
    if (this.#isLineEnd(start)) return this.#endLine() === 'record';
    const ending = this.#record();
    if (ending === 'short' && !this.#mayGiveUp(start)) return false;
    if (ending !== 'record' || this.#at - start > maxRecordBytes) return this.#dropLine(start, line);
    this.#columns ??= this.#count;
    if (this.#count !== this.#columns) return this.#ragged(start, line);
    this.#sink.record(line, this.#output.subarray(0, this.#length));
    return true;
  }

  #record(): Ending {
    this.#length = 0;
    this.#count = 0;
    for (;;) {
      const ending = this.#value();
      this.#count += 1;
      if (ending !== 'value') return ending;
      this.#output[this.#length++] = separator;
    }
  }

  #value(): Ending {
    const { quote, delimiter } = this.#dialect;
    if (quote === undefined) return this.#bare();
    let at = this.#at;
    if (delimiter[0] !== space) while (this.#input[at] === space) at += 1;
    if (this.#input[at] !== quote) return this.#bare();
    this.#at = at + 1;
    return this.#quoted(quote);
  }

  #bare(): Ending {
    const { quote, delimiter } = this.#dialect;
    const [input, output, first] = [this.#input, this.#output, delimiter[0]];
    let [at, length] = [this.#at, this.#length];
    let ending: Ending = this.#final ? 'record' : 'short';
    for (; at < input.length; at += 1) {
      const byte = input[at] as number;
      if (byte === first && this.#isDelimiter(at)) ending = 'value';
      else if (byte === lf || byte === cr) ending = 'record';
      else if (byte === quote) return 'stray';
      else {
        if (byte !== separator && byte !== lineBreak) output[length++] = byte;
        continue;
      }
      break;
    }
    [this.#at, this.#length] = [at, length];
    return this.#finish(ending);
  }

  #quoted(quote: number): Ending {
    const [input, output] = [this.#input, this.#output];
    let [at, length] = [this.#at, this.#length];
    for (; at < input.length; at += 1) {
      const byte = input[at] as number;
      if (byte === quote) {
        if (input[at + 1] !== quote) break;
        output[length++] = quote;
        at += 1;
      } else if (byte === lf || (byte === cr && input[at + 1] !== lf)) {
        output[length++] = lineBreak;
        this.#line += 1;
      } else if (byte !== cr && byte !== separator && byte !== lineBreak) {
        output[length++] = byte;
      }
    }
    if (at >= input.length) return this.#final ? 'stray' : 'short';
    [this.#at, this.#length] = [at + 1, length];
    return this.#afterQuote();
  }

  #afterQuote(): Ending {
    if (this.#dialect.delimiter[0] !== space) while (this.#input[this.#at] === space) this.#at += 1;
    if (this.#at === this.#input.length) return this.#final ? 'record' : 'short';
    if (this.#isDelimiter(this.#at)) return this.#finish('value');
    return this.#isLineEnd(this.#at) ? this.#endLine() : 'stray';
  }

  /** Steps over what ended a value. */
  #finish(ending: Ending): Ending {
    if (ending === 'value') this.#at += this.#dialect.delimiter.length;
    return ending === 'record' && this.#at < this.#input.length ? this.#endLine() : ending;
  }

  /** Steps over a line end; `short` when the LF of a CR LF may still come. */
  #endLine(): 'record' | 'short' {
    const isCr = this.#input[this.#at] === cr;
    if (isCr && this.#at + 1 === this.#input.length && !this.#final) return 'short';
    this.#at += isCr && this.#input[this.#at + 1] === lf ? 2 : 1;
    this.#line += 1;
    return 'record';
  }

  /**
   * A record of several lines with a wrong number of values: a record with a mistake, or a stray quote that met
   * another one further down? When the second line reads as a record of its own, it is the latter.
   */
  #ragged(start: number, line: number): boolean {
    const [end, endLine] = [this.#at, this.#line];
    this.#at = this.#lineEnd(start);
    if (this.#at < end) this.#endLine();
    if (this.#at < end) {
      const ending = this.#record();
      if (ending === 'short' && !this.#mayGiveUp(start)) return false;
      const isRecord = ending === 'record' && this.#count === this.#columns && this.#at - start <= maxRecordBytes;
      if (isRecord) return this.#dropLine(start, line);
    }
    [this.#at, this.#line] = [end, endLine];
    const text = this.#input.subarray(start, end);
    // A line of blanks says nothing.
    if (text.some((byte) => byte > space)) this.#sink.broken(line, text);
    return true;
  }

  #dropLine(start: number, line: number): boolean {
    const end = this.#lineEnd(start);
    [this.#at, this.#line] = [end, line];
    const open = end === this.#input.length;
    if (open && !this.#final && !this.#mayGiveUp(start)) return false;
    if (!open && this.#endLine() === 'short') return false;
    const kept = end - start > maxRecordBytes ? start + keptBytes : end;
    this.#sink.broken(line, this.#input.subarray(start, kept));
    // A line longer than any record: what is still to come of it is left out.
    if (open && !this.#final) this.#skip = 1;
    return true;
  }

  #skipLine(): boolean {
    this.#at = this.#lineEnd(this.#at);
    if (this.#at === this.#input.length) return true;
    if (this.#endLine() === 'short') return false;
    this.#skip -= 1;
    return true;
  }

  #lineEnd(from: number): number {
    const feed = this.#input.indexOf(lf, from);
    const end = feed === -1 ? this.#input.length : feed;
    const carriage = this.#input.subarray(from, end).indexOf(cr);
    return carriage === -1 ? end : from + carriage;
  }

  #isLineEnd(at: number): boolean {
    const byte = this.#input[at];
    return byte === lf || byte === cr;
  }

  #isDelimiter(at: number): boolean {
    const { delimiter } = this.#dialect;
    if (this.#input[at] !== delimiter[0]) return false;
    return delimiter.length === 1 || delimiter.equals(this.#input.subarray(at, at + delimiter.length));
  }

  /** More text than any record has is there: waiting for the rest of it is over, whatever pieces the text comes in. */
  #mayGiveUp(start: number): boolean {
    return this.#input.length - start > maxRecordBytes;
  }
}

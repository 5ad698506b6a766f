import { keptBytes, maxRecordBytes } from './records.ts';
import { lineBreak, separator } from './rowFile.ts';

/** Where lines go. The bytes are valid until the call returns. */
export interface LineSink {
  line(number: number, text: Buffer): void;
  /** A line that is too long, or has control characters that no JSON has. */
  broken(number: number, text: Buffer): void;
}

const [tab, lf, cr, space] = [0x09, 0x0a, 0x0d, 0x20];

/** Cuts a text into lines. Blank ones are left out but counted. */
export class LineScanner {
  readonly #sink: LineSink;
  #pieces: Buffer[] = [];
  #length = 0;
  #number = 1;

  constructor(sink: LineSink) {
    this.#sink = sink;
  }

  /** Takes the next piece of the text. */
  push(chunk: Buffer): void {
    let start = 0;
    for (let end = chunk.indexOf(lf); end !== -1; end = chunk.indexOf(lf, start)) {
      this.#gather(chunk.subarray(start, end));
      this.#finish();
      start = end + 1;
    }
    this.#gather(chunk.subarray(start));
  }

  /** The text is over. */
  end(): void {
    this.#finish();
  }

  /** Of a line that is too long only the beginning is kept in memory. */
  #gather(piece: Buffer): void {
    if (this.#length <= maxRecordBytes) this.#pieces.push(piece);
    this.#length += piece.length;
  }

  #finish(): void {
    const [only = Buffer.alloc(0), ...others] = this.#pieces;
    const whole = others.length === 0 ? only : Buffer.concat(this.#pieces);
    const text = whole.at(-1) === cr ? whole.subarray(0, -1) : whole;
    if (this.#length > maxRecordBytes) this.#sink.broken(this.#number, text.subarray(0, keptBytes));
    else if (!isBlank(text)) this.#tell(text);
    this.#pieces = [];
    this.#length = 0;
    this.#number += 1;
  }

  #tell(text: Buffer): void {
    const clean = !text.includes(separator) && !text.includes(lineBreak) && !text.includes(cr);
    if (clean) this.#sink.line(this.#number, text);
    else this.#sink.broken(this.#number, text);
  }
}

function isBlank(text: Buffer): boolean {
  for (const byte of text) if (byte !== space && byte !== tab && byte !== cr) return false;
  return true;
}

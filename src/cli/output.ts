/** Where a verb prints: standard output, standard error, or a test's buffer. */
export interface Output {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
}

/** Prints a result for programs or for people. */
export function print<Value>(
  value: Value,
  format: string,
  text: (value: Value) => string,
  out: Output = process.stdout,
): void {
  out.write(`${format === 'json' ? JSON.stringify(value, null, 2) : text(value)}\n`);
}

/** Columns of equal width under their headings; numbers stand to the right. */
export function table(headings: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const lines = [headings, ...rows].map((row) => row.map((cell) => oneLine(String(cell))));
  const widths = headings.map((_, at) => lines.reduce((widest, line) => Math.max(widest, line[at]?.length ?? 0), 0));
  const isNumeric = headings.map((_, at) => rows.length > 0 && rows.every((row) => typeof row[at] === 'number'));
  return lines
    .map((line) =>
      line
        .map((cell, at) => (isNumeric[at] ? cell.padStart(widths[at] ?? 0) : cell.padEnd(widths[at] ?? 0)))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

const colours = { red: 31, green: 32, yellow: 33, dim: 2, bold: 1 } as const;

/** Colours a text where a person looks at it: on a terminal, unless `NO_COLOR` is set. */
export function coloured(text: string, colour: keyof typeof colours, out: Output = process.stdout): string {
  return out.isTTY && !process.env.NO_COLOR ? `\x1b[${colours[colour]}m${text}\x1b[0m` : text;
}

/** Tells a person how far a verb is. */
export interface Progress {
  /** What is happening now: rewritten in place on a terminal, a line of its own in a pipe. */
  update(text: string): void;
  /** Something that stays. */
  line(text: string): void;
  /** Clears what was rewritten in place. */
  end(): void;
}

/** Progress belongs on standard error, so that standard output is the result and nothing else. */
export function progress(out: Output = process.stderr): Progress {
  return out.isTTY ? terminalProgress(out) : plainProgress(out);
}

/** Tells nobody. */
export const silent: Progress = { update: () => undefined, line: () => undefined, end: () => undefined };

const clearLine = '\r\x1b[K';

function terminalProgress(out: Output): Progress {
  let shown = '';
  const show = (text: string) => {
    // One column stays free: a full line would wrap, and the next update would not overwrite it.
    shown = oneLine(text).slice(0, (out.columns || 80) - 1);
    out.write(clearLine + shown);
  };
  return {
    update: show,
    line: (text) => {
      out.write(`${clearLine}${text}\n${shown}`);
    },
    end: () => {
      if (shown !== '') show('');
    },
  };
}

function plainProgress(out: Output): Progress {
  let last = '';
  const line = (text: string) => {
    if (text !== last) out.write(`${oneLine(text)}\n`);
    last = text;
  };
  return { update: line, line, end: () => undefined };
}

/** Text from elsewhere as one line that cannot steer the terminal. */
export const oneLine = (text: string): string =>
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is taken out
  text.replace(/[\u0000-\u001f\u007f-\u009f]+/g, ' ');

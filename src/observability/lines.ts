export type Labels = Readonly<Record<string, string | number>>;

/** Lines of the Prometheus text format, put together to pieces that are outside of the heap. */
export interface Lines {
  /** A series, with the whole name of its metric. */
  add(name: string, labels: Labels, value: number): void;
  end(): readonly Buffer[];
}

const pieceLength = 64 * 1024;

export function openLines(): Lines {
  const pieces: Buffer[] = [];
  let begun = '';
  const cut = (): void => {
    if (begun !== '') pieces.push(Buffer.from(begun));
    begun = '';
  };
  return {
    add(name, labels, value) {
      begun += `${name}${printLabels(labels)} ${printValue(value)}\n`;
      if (begun.length >= pieceLength) cut();
    },
    end() {
      cut();
      return pieces;
    },
  };
}

/** What comes before the lines of a metric. */
export const headOf = (name: string, type: string, help: string): Buffer =>
  Buffer.from(`# HELP ${name} ${help.replace(/\\/g, '\\\\').replace(/\n/g, '\\n')}\n# TYPE ${name} ${type}\n`);

/** Labels as the format has them; equal ones are the same text. */
export function printLabels(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escapeLabel(String(value))}"`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}

const escapeLabel = (value: string): string =>
  /[\\"\n]/.test(value) ? value.replace(/\\/g, '\\\\').replace(/"/g, '\\"').replace(/\n/g, '\\n') : value;

/** `Infinity` is written as Go does; `NaN` already is. */
const printValue = (value: number): string =>
  Math.abs(value) === Infinity ? `${value > 0 ? '+' : '-'}Inf` : `${value}`;

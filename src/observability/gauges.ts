import type { MetricDeclaration } from './metricList.ts';

type Labels = Readonly<Record<string, string>>;

/** Gauges as they are printed: the lines of each, in pieces. */
export type PrintedGauges = ReadonlyMap<string, readonly Buffer[]>;

/** Gauges of one moment: they are printed as they are set, and nothing is kept of a series but its line. */
export interface MomentaryGauges {
  /** To be called once for a series. */
  set(name: string, labels: Labels, value: number): void;
  print(): PrintedGauges;
}

/** Lines are put together to pieces of about this size, which are outside of the heap. */
const pieceLength = 64 * 1024;

export function openMomentaryGauges(): MomentaryGauges {
  const printed = new Map<string, Buffer[]>();
  const begun = new Map<string, string>();
  const end = (name: string, text: string): void => {
    const pieces = printed.get(name) ?? [];
    pieces.push(Buffer.from(text));
    printed.set(name, pieces);
  };
  return {
    set(name, labels, value) {
      const text = `${begun.get(name) ?? ''}${lineOf(name, labels, value)}`;
      if (text.length >= pieceLength) end(name, text);
      begun.set(name, text.length >= pieceLength ? '' : text);
    },
    print() {
      for (const [name, text] of begun) end(name, text);
      begun.clear();
      return printed;
    },
  };
}

/** Gauges that keep their value until they are set again. */
export interface LastingGauges {
  set(name: string, labels: Labels, value: number): void;
  forget(name: string, labels: Labels): void;
  /** Keeps only those whose labels pass. */
  retain(passes: (labels: Labels) => boolean): void;
  print(): PrintedGauges;
}

export function openLastingGauges(): LastingGauges {
  const gauges = new Map<string, Map<string, { readonly labels: Labels; readonly value: number }>>();
  return {
    set(name, labels, value) {
      const series = gauges.get(name) ?? new Map();
      gauges.set(name, series.set(printLabels(labels), { labels, value }));
    },
    forget(name, labels) {
      const series = gauges.get(name);
      if (series?.delete(printLabels(labels)) && series.size === 0) gauges.delete(name);
    },
    retain(passes) {
      for (const [name, series] of gauges) {
        for (const [key, { labels }] of series) if (!passes(labels)) series.delete(key);
        if (series.size === 0) gauges.delete(name);
      }
    },
    print() {
      const now = openMomentaryGauges();
      for (const [name, series] of gauges)
        for (const { labels, value } of series.values()) now.set(name, labels, value);
      return now.print();
    },
  };
}

/** What comes before the lines of a metric. */
export const headOf = ({ name, help, type }: Pick<MetricDeclaration, 'name' | 'help' | 'type'>): string =>
  `# HELP jobpulse_${name} ${help.replace(/\\/g, '\\\\').replace(/\n/g, '\\n')}\n# TYPE jobpulse_${name} ${type}\n`;

const lineOf = (name: string, labels: Labels, value: number): string =>
  `jobpulse_${name}${printLabels(labels)} ${printValue(value)}\n`;

function printLabels(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escapeLabel(value)}"`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}

const escapeLabel = (value: string): string =>
  /[\\"\n]/.test(value) ? value.replace(/\\/g, '\\\\').replace(/"/g, '\\"').replace(/\n/g, '\\n') : value;

/** `Infinity` is written as Go does; `NaN` already is. */
const printValue = (value: number): string =>
  Math.abs(value) === Infinity ? `${value > 0 ? '+' : '-'}Inf` : `${value}`;

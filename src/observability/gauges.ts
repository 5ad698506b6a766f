import { type Lines, openLines, printLabels } from './lines.ts';
import { inTurns } from './turns.ts';

type Labels = Readonly<Record<string, string>>;

/** Gauges as they are printed: the lines of each, in pieces. */
export type PrintedGauges = ReadonlyMap<string, readonly Buffer[]>;

/** Gauges of one moment: they are printed as they are set, and nothing is kept of a series but its line. */
export interface MomentaryGauges {
  /** To be called once for a series. */
  set(name: string, labels: Labels, value: number): void;
  print(): PrintedGauges;
}

export function openMomentaryGauges(): MomentaryGauges {
  const gauges = new Map<string, Lines>();
  return {
    set(name, labels, value) {
      const lines = gauges.get(name) ?? openLines();
      gauges.set(name, lines);
      lines.add(`jobpulse_${name}`, labels, value);
    },
    print: () => new Map([...gauges].map(([name, lines]) => [name, lines.end()])),
  };
}

/** Gauges that keep their value until they are set again. */
export interface LastingGauges {
  set(name: string, labels: Labels, value: number): void;
  forget(name: string, labels: Labels): void;
  /** Keeps only those whose labels pass. */
  retain(passes: (labels: Labels) => boolean): void;
  print(): Promise<PrintedGauges>;
}

interface LastingSeries {
  readonly labels: Labels;
  readonly value: number;
}

export function openLastingGauges(): LastingGauges {
  const gauges = new Map<string, Map<string, LastingSeries>>();
  return {
    set(name, labels, value) {
      const series = gauges.get(name) ?? new Map<string, LastingSeries>();
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
    async print() {
      const now = openMomentaryGauges();
      for (const [name, series] of gauges) {
        await inTurns(series.values(), ({ labels, value }) => now.set(name, labels, value));
      }
      return now.print();
    },
  };
}

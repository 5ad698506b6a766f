import { Counter, Histogram } from 'prom-client';

/** A series of a counter or a histogram. */
export interface Series {
  readonly of: Counter | Histogram;
  readonly labels: Readonly<Record<string, string>>;
  /** What was counted while scrapes are to see that it begins at zero. */
  waiting?: number[] | undefined;
}

/** Counters and histograms that are new, which scrapes are to see at zero: a rise from nothing to one is no rise to Prometheus. */
export interface Beginnings {
  begin(series: Series): void;
  /** Counts, or lets it wait. */
  count(series: Series, value: number): void;
  /** Prints what is exposed. What was at zero before has then been seen once more. */
  during<Result>(print: () => Promise<Result>): Promise<Result>;
}

/** Two, because there may be two Prometheus, which look by turns. */
const scrapesAtZero = 2;
/** Nobody may ever scrape: so many wait, and no more. */
const mostWaiting = 500;

export function openBeginnings(): Beginnings {
  const left = new Map<Series, number>();
  const end = (series: Series): void => {
    left.delete(series);
    const { waiting = [] } = series;
    series.waiting = undefined;
    for (const value of waiting) countNow(series, value);
  };
  return {
    begin(series) {
      if (series.of instanceof Histogram) series.of.zero(series.labels);
      else countNow(series, 0);
      series.waiting = [];
      left.set(series, scrapesAtZero);
    },
    count(series, value) {
      if (!series.waiting) return countNow(series, value);
      if (series.of instanceof Counter) series.waiting = [(series.waiting[0] ?? 0) + value];
      else series.waiting.push(value);
      if (series.waiting.length >= mostWaiting) end(series);
    },
    async during(print) {
      const shown = [...left];
      const printed = await print();
      for (const [series, scrapes] of shown) {
        if (scrapes > 1 && left.has(series)) left.set(series, scrapes - 1);
        else end(series);
      }
      return printed;
    },
  };
}

function countNow({ of, labels }: Series, value: number): void {
  if (of instanceof Counter) of.inc(labels, value);
  if (of instanceof Histogram) of.observe(labels, value);
}

/** Removes a series from what is exposed; what waits is forgotten. */
export function removeSeries(series: Series): void {
  series.waiting = undefined;
  series.of.remove(series.labels);
}

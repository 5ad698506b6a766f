import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { type MetricDeclaration, type MetricLabels, type MetricName, metrics } from './metricList.ts';

/** Sets gauges to what is so at the moment of a scrape. A series that it does not set again is gone. */
export type Collector = (set: Instruments['set']) => void | Promise<void>;

/** The declared metrics of one process. A metric is exposed once it has a value. */
export interface Instruments {
  /** Adds to a counter; adding 0 makes the series known, so that its first rise is seen. */
  add<Name extends MetricName<'counter'>>(name: Name, labels: MetricLabels<Name>, value: number): void;
  set<Name extends MetricName<'gauge'>>(name: Name, labels: MetricLabels<Name>, value: number): void;
  observe<Name extends MetricName<'histogram'>>(name: Name, labels: MetricLabels<Name>, value: number): void;
  /** Asks a collector at every scrape. One that fails leaves its series out: unknown is not the same as old. */
  collect(collector: Collector): void;
  /** Removes the series of pipelines that are not there any more. */
  retain(exists: (namespace: string, pipeline: string) => boolean): void;
  /** The Prometheus text format. */
  text(): Promise<string>;
  readonly contentType: string;
}

type Instrument = Counter | Gauge | Histogram;
type Labels = Readonly<Record<string, string>>;
/** Series by a key of their own. */
type SeriesMap = Map<string, { readonly of: Instrument; readonly labels: Labels }>;

/**
 * A registry of its own, so that two in one process (tests, several worlds) do not mix. With `process`, it also has the
 * `process_…` and `nodejs_…` metrics of this process.
 */
export function createInstruments(options: { readonly process?: boolean } = {}): Instruments {
  const registry = new Registry();
  if (options.process) collectDefaultMetrics({ register: registry });
  const known = new Map<string, Instrument>();
  const byPipeline = new Map<string, SeriesMap>();
  const collectors: (() => Promise<void>)[] = [];
  let scrape: Promise<string> | undefined;

  function instrument<Kind extends Instrument>(name: string, labels: Labels, create: (config: Config) => Kind): Kind {
    const existing = known.get(name) ?? create({ ...configOf(name), registers: [registry] });
    known.set(name, existing);
    remember(byPipeline, name, existing, labels);
    return existing as Kind;
  }
  const set: Instruments['set'] = (name, labels, value) =>
    instrument(name, labels, (config) => new Gauge(config)).set(labels, value);
  const collected = (collector: Collector) => collectWith(collector, set, (name) => known.get(name));
  const collectAndPrint = async (): Promise<string> => {
    for (const collect of collectors) await collect();
    return registry.metrics();
  };
  return {
    add: (name, labels, value) => instrument(name, labels, (config) => new Counter(config)).inc(labels, value),
    set,
    observe: (name, labels, value) =>
      instrument(name, labels, (config) => new Histogram(config)).observe(labels, value),
    collect: (collector) => void collectors.push(collected(collector)),
    retain: (exists) => forgetPipelines(byPipeline, exists),
    // Scrapes that come together, as from two Prometheus, share one.
    text: () => {
      scrape ??= collectAndPrint().finally(() => {
        scrape = undefined;
      });
      return scrape;
    },
    contentType: registry.contentType,
  };
}

/** What a collector does at each scrape: it sets its series anew, and those of the time before are removed. */
function collectWith(
  collector: Collector,
  set: Instruments['set'],
  instrumentOf: (name: string) => Instrument | undefined,
): () => Promise<void> {
  let before: SeriesMap = new Map();
  return async () => {
    const now: SeriesMap = new Map();
    const setAndRemember: Instruments['set'] = (name, labels, value) => {
      set(name, labels, value);
      const of = instrumentOf(name);
      if (of) now.set(seriesKey(name, labels), { of, labels });
    };
    try {
      await collector(setAndRemember);
    } catch {
      removeAll(now);
      now.clear();
    }
    removeAll(new Map([...before].filter(([key]) => !now.has(key))));
    before = now;
  };
}

function remember(byPipeline: Map<string, SeriesMap>, name: string, of: Instrument, labels: Labels): void {
  const { namespace, pipeline } = labels;
  if (namespace === undefined || !pipeline) return; // '' is what all pipelines share
  const owner = `${namespace}/${pipeline}`;
  const series: SeriesMap = byPipeline.get(owner) ?? new Map();
  byPipeline.set(owner, series.set(seriesKey(name, labels), { of, labels }));
}

function forgetPipelines(
  byPipeline: Map<string, SeriesMap>,
  exists: (namespace: string, pipeline: string) => boolean,
): void {
  for (const [owner, series] of byPipeline) {
    const [namespace = '', pipeline = ''] = owner.split('/');
    if (exists(namespace, pipeline)) continue;
    removeAll(series);
    byPipeline.delete(owner);
  }
}

const seriesKey = (name: string, labels: Labels): string => JSON.stringify([name, Object.entries(labels).sort()]);

const removeAll = (series: SeriesMap): void => {
  for (const { of, labels } of series.values()) of.remove(labels);
};

type Config = ReturnType<typeof configOf> & { registers: Registry[] };

function configOf(name: string) {
  const declared: MetricDeclaration | undefined = metrics.find((metric) => metric.name === name);
  if (!declared) throw new Error(`metric ${name} is not declared in metricList.ts`);
  const { help, labels, buckets } = declared;
  return { name: `jobpulse_${name}`, help, labelNames: [...labels], ...(buckets && { buckets: [...buckets] }) };
}

import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { type MetricDeclaration, type MetricLabels, type MetricName, metrics } from './metricList.ts';
import { openBeginnings, removeSeries, type Series } from './series.ts';

/** Sets gauges to what is so at the moment of a scrape. A series that it does not set again is gone. */
export type Collector = (set: Instruments['set']) => void | Promise<void>;

/** The declared metrics of one process. A metric is exposed once it has a value. */
export interface Instruments {
  /** Adds to a counter; adding 0 makes the series known. */
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
type SeriesMap = Map<string, Series>;

export interface InstrumentsOptions {
  /**
   * Whether a Prometheus is to scrape this process: then it has the `process_…` and `nodejs_…` metrics too, and a new
   * counter is seen at zero before it rises. Else figures are there at once.
   */
  readonly served?: boolean;
}

/** A registry of its own, so that two in one process (tests, several worlds) do not mix. */
export function createInstruments({ served = false }: InstrumentsOptions = {}): Instruments {
  const registry = new Registry();
  if (served) collectDefaultMetrics({ register: registry });
  const known = new Map<string, Instrument>();
  const byOwner = new Map<string, SeriesMap>();
  const collectors: (() => Promise<void>)[] = [];
  const beginnings = openBeginnings();
  let scrape: Promise<string> | undefined;

  function seriesOf(name: string, labels: Labels, create: (config: Config) => Instrument) {
    const of = known.get(name) ?? create({ ...configOf(name), registers: [registry] });
    known.set(name, of);
    return remember(byOwner, name, of, labels);
  }
  function count(name: string, labels: Labels, value: number, create: (config: Config) => Instrument): void {
    const { series, isNew } = seriesOf(name, labels, create);
    if (isNew && served) beginnings.begin(series);
    beginnings.count(series, value);
  }
  const set: Instruments['set'] = (name, labels, value) => {
    const { of } = seriesOf(name, labels, (config) => new Gauge(config)).series;
    if (of instanceof Gauge) of.set(labels, value);
  };
  const collected = (collector: Collector) => collectWith(collector, set, (name) => known.get(name));
  const collectAndPrint = async (): Promise<string> => {
    for (const collect of collectors) await collect();
    return beginnings.during(() => registry.metrics());
  };
  return {
    add: (name, labels, value) => count(name, labels, value, (config) => new Counter(config)),
    set,
    observe: (name, labels, value) => count(name, labels, value, (config) => new Histogram(config)),
    collect: (collector) => void collectors.push(collected(collector)),
    retain: (exists) => forgetPipelines(byOwner, exists),
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

/** Whose the series are that no pipeline has, and those that all share: they are never forgotten. */
const nobody = '';

function remember(byOwner: Map<string, SeriesMap>, name: string, of: Instrument, labels: Labels) {
  const { namespace, pipeline } = labels;
  const owner = namespace === undefined || !pipeline ? nobody : `${namespace}/${pipeline}`;
  const own: SeriesMap = byOwner.get(owner) ?? new Map();
  const key = seriesKey(name, labels);
  const known = own.get(key);
  const series = known ?? { of, labels };
  if (!known) byOwner.set(owner, own.set(key, series));
  return { series, isNew: !known };
}

function forgetPipelines(
  byOwner: Map<string, SeriesMap>,
  exists: (namespace: string, pipeline: string) => boolean,
): void {
  for (const [owner, series] of byOwner) {
    if (owner === nobody) continue;
    const [namespace = '', pipeline = ''] = owner.split('/');
    if (exists(namespace, pipeline)) continue;
    removeAll(series);
    byOwner.delete(owner);
  }
}

const seriesKey = (name: string, labels: Labels): string => JSON.stringify([name, Object.entries(labels).sort()]);

const removeAll = (series: SeriesMap): void => {
  for (const each of series.values()) removeSeries(each);
};

type Config = ReturnType<typeof configOf> & { registers: Registry[] };

function configOf(name: string) {
  const declared: MetricDeclaration | undefined = metrics.find((metric) => metric.name === name);
  if (!declared) throw new Error(`metric ${name} is not declared in metricList.ts`);
  const { help, labels, buckets } = declared;
  return { name: `jobpulse_${name}`, help, labelNames: [...labels], ...(buckets && { buckets: [...buckets] }) };
}

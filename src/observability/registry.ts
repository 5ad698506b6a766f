import { Counter, collectDefaultMetrics, Histogram, Registry } from 'prom-client';
import { type LastingGauges, openLastingGauges, openMomentaryGauges, type PrintedGauges } from './gauges.ts';
import { headOf, openLines } from './lines.ts';
import { type MetricDeclaration, type MetricLabels, type MetricName, metrics } from './metricList.ts';
import { openBeginnings, removeSeries, type Series } from './series.ts';
import { inTurns } from './turns.ts';

/** Sets gauges, each series once, to what is so at about the moment of a scrape. One that it does not set again is gone. */
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
  /** The same in pieces: of a thousand pipelines it is several megabytes. */
  pieces(): Promise<readonly Buffer[]>;
  readonly contentType: string;
}

type Instrument = Series['of'];
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

/**
 * A registry of its own, so that two in one process (tests, several worlds) do not mix. Gauges are ours: nearly all are
 * read from caches at each scrape, and a copy of them in the registry would be larger than the caches.
 */
export function createInstruments({ served = false }: InstrumentsOptions = {}): Instruments {
  const registry = new Registry();
  if (served) collectDefaultMetrics({ register: registry });
  const known = new Map<string, Instrument>();
  const byOwner = new Map<string, SeriesMap>();
  const lasting = openLastingGauges();
  const collectors: Collector[] = [];
  const beginnings = openBeginnings();
  let scrape: Promise<readonly Buffer[]> | undefined;

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
  const collectAndPrint = async (): Promise<readonly Buffer[]> => {
    const collected: PrintedGauges[] = [];
    for (const collector of collectors) collected.push(await collectWith(collector, lasting));
    const counted = await beginnings.during(() => printCounted(registry));
    return [...printGauges([await lasting.print(), ...collected]), ...counted];
  };
  // Scrapes that come together, as from two Prometheus, share one.
  const pieces = (): Promise<readonly Buffer[]> => {
    scrape ??= collectAndPrint().finally(() => {
      scrape = undefined;
    });
    return scrape;
  };
  return {
    add: (name, labels, value) => count(name, labels, value, (config) => new Counter(config)),
    set: lasting.set,
    observe: (name, labels, value) => count(name, labels, value, (config) => new Histogram(config)),
    collect: (collector) => void collectors.push(collector),
    retain(exists) {
      lasting.retain(({ namespace, pipeline }) => namespace === undefined || !pipeline || exists(namespace, pipeline));
      forgetPipelines(byOwner, exists);
    },
    text: async () => Buffer.concat(await pieces()).toString(),
    pieces,
    contentType: registry.contentType,
  };
}

/** What a collector sets; nothing when it fails. What it knows better was set by somebody before, and is forgotten. */
async function collectWith(collector: Collector, lasting: LastingGauges): Promise<PrintedGauges> {
  const gauges = openMomentaryGauges();
  try {
    await collector((name, labels, value) => {
      lasting.forget(name, labels);
      gauges.set(name, labels, value);
    });
  } catch {
    return new Map();
  }
  return gauges.print();
}

/** All lines of a gauge together, as the format wants it, whoever set them. */
function* printGauges(printed: readonly PrintedGauges[]): Generator<Buffer> {
  for (const name of new Set(printed.flatMap((gauges) => [...gauges.keys()]))) {
    yield headOf(`jobpulse_${name}`, 'gauge', declarationOf(name).help);
    for (const gauges of printed) yield* gauges.get(name) ?? [];
    yield Buffer.from('\n');
  }
}

/** The registry prints as well, but everything at once: of a thousand pipelines that takes hundreds of milliseconds. */
async function printCounted(registry: Registry): Promise<readonly Buffer[]> {
  const pieces: Buffer[] = [];
  for (const { name, type, help } of registry.getMetricsAsArray()) {
    const { values = [] } = (await registry.getSingleMetric(name)?.get()) ?? {};
    const lines = openLines();
    await inTurns(values as readonly Printable[], ({ metricName = name, labels, value }) => {
      lines.add(metricName, labels, value);
    });
    pieces.push(headOf(name, String(type), help), ...lines.end(), Buffer.from('\n'));
  }
  return pieces;
}

/** A series of the registry; those of a histogram have names of their own. */
interface Printable {
  readonly metricName?: string;
  readonly labels: Labels;
  readonly value: number;
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
    for (const each of series.values()) removeSeries(each);
    byOwner.delete(owner);
  }
}

const seriesKey = (name: string, labels: Labels): string => JSON.stringify([name, Object.entries(labels).sort()]);

type Config = ReturnType<typeof configOf> & { registers: Registry[] };

function configOf(name: string) {
  const { help, labels, buckets } = declarationOf(name);
  return { name: `jobpulse_${name}`, help, labelNames: [...labels], ...(buckets && { buckets: [...buckets] }) };
}

function declarationOf(name: string): MetricDeclaration {
  const declared: MetricDeclaration | undefined = metrics.find((metric) => metric.name === name);
  if (!declared) throw new Error(`metric ${name} is not declared in metricList.ts`);
  return declared;
}

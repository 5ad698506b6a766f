import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { type MetricDeclaration, type MetricLabels, type MetricName, metrics } from './metricList.ts';

/** The declared metrics of one process. A metric is exposed once it has a value. */
export interface Instruments {
  /** Adds to a counter; adding 0 makes the series known, so that its first rise is seen. */
  add<Name extends MetricName<'counter'>>(name: Name, labels: MetricLabels<Name>, value: number): void;
  set<Name extends MetricName<'gauge'>>(name: Name, labels: MetricLabels<Name>, value: number): void;
  observe<Name extends MetricName<'histogram'>>(name: Name, labels: MetricLabels<Name>, value: number): void;
  /** The Prometheus text format. */
  text(): Promise<string>;
  readonly contentType: string;
}

/** A registry of its own, so that two in one process (tests, several worlds) do not mix. */
export function createInstruments(): Instruments {
  const registry = new Registry();
  const known = new Map<string, Counter | Gauge | Histogram>();
  function instrument<Kind extends Counter | Gauge | Histogram>(name: string, create: (config: Config) => Kind): Kind {
    const existing = known.get(name);
    if (existing) return existing as Kind;
    const created = create({ ...configOf(name), registers: [registry] });
    known.set(name, created);
    return created;
  }
  return {
    add: (name, labels, value) => instrument(name, (config) => new Counter(config)).inc(labels, value),
    set: (name, labels, value) => instrument(name, (config) => new Gauge(config)).set(labels, value),
    observe: (name, labels, value) => instrument(name, (config) => new Histogram(config)).observe(labels, value),
    text: () => registry.metrics(),
    contentType: registry.contentType,
  };
}

type Config = ReturnType<typeof configOf> & { registers: Registry[] };

function configOf(name: string) {
  const declared: MetricDeclaration | undefined = metrics.find((metric) => metric.name === name);
  if (!declared) throw new Error(`metric ${name} is not declared in metricList.ts`);
  const { help, labels, buckets } = declared;
  return { name: `jobpulse_${name}`, help, labelNames: [...labels], ...(buckets && { buckets: [...buckets] }) };
}

import { type MetricDeclaration, metrics } from './metricList.ts';

/** The reference page `docs/reference/metrics.md`. */
export function metricsPage(): string {
  const rows = metrics.map((metric: MetricDeclaration) => {
    const labels = metric.labels.map((label) => `\`${label}\``).join(', ');
    return `| \`jobpulse_${metric.name}\` | ${metric.type} | ${labels} | ${escaped(metric.help)} |`;
  });
  return `${introduction}\n${rows.join('\n')}\n`;
}

const escaped = (help: string): string => help.replaceAll('|', '\\|').replaceAll('<', '&lt;');

const introduction = `# Metrics

Prometheus metrics of the controller, counted from published ledgers, so that they agree with the run reports and do
not need workers to be scraped. A ledger is counted once, however often it is seen. A metric appears once it has a value.
Times are in seconds. Labels hold bounded words: no ids, no URLs.

\`jobpulse run --metrics-file FILE\` writes them when the run ends, in the text format, for node_exporter's textfile collector.

| name | type | labels | meaning |
| --- | --- | --- | --- |`;

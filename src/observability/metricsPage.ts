import { type MetricDeclaration, type MetricSource, metrics } from './metricList.ts';

/** The reference page `docs/reference/metrics.md`. */
export const metricsPage = (): string => [introduction, ...Object.entries(chapters).map(chapter)].join('\n');

function chapter([source, introduction]: [string, string]): string {
  const own = metrics.filter((metric: MetricDeclaration) => metric.from === source);
  return `${introduction}\n\n${tableHead}\n${own.map(row).join('\n')}\n`;
}

const tableHead = '| name | type | labels | meaning |\n| --- | --- | --- | --- |';

function row(metric: MetricDeclaration): string {
  const labels = metric.labels.map((label) => `\`${label}\``).join(', ');
  return `| \`jobpulse_${metric.name}\` | ${metric.type} | ${labels} | ${escaped(metric.help)} |`;
}

const escaped = (help: string): string => help.replaceAll('|', '\\|').replaceAll('<', '&lt;');

const introduction = `# Metrics

Prometheus metrics of the controller and of the workers, under \`/metrics\`. On one machine, \`jobpulse up FOLDER
--metrics-port PORT\` serves those of the controller on 127.0.0.1. A metric appears once it has a value.
Times are in seconds. Labels hold bounded words: no ids, no URLs. What to do when one of them is not as it should be is in
[the runbooks](../guide/runbooks.md).

The labels \`namespace\` and \`pipeline\` say what a series is about, not which process exposes it: scrape with
\`honorLabels: true\`.
`;

const chapters: Readonly<Record<MetricSource, string>> = {
  ledgers: `## What was done

From the controller, counted from published ledgers, so that they agree with the run reports and do not need workers to be
scraped. A ledger is counted once, however often it is seen. Counters begin at zero when the controller starts, and end with
their pipeline. A counter that is new is zero in two scrapes before it rises, so that \`increase()\` sees its first rise too.

\`jobpulse run --metrics-file FILE\` writes these when the run ends, in the text format, for node_exporter's textfile collector.`,
  pipelines: `## What is so now

From the controller, read at each scrape: nothing is left of a pipeline that was deleted.`,
  controller: `## The controller itself

Besides these, the controller and the workers expose the \`process_…\` and \`nodejs_…\` metrics that every Node.js program can
have.`,
  worker: `## Workers

From each worker. Workers come and go, so that these are for looking at one of them; alerts and dashboards use the others.`,
};

import { recordEndedRun } from '../../observability/endedRuns.ts';
import { watchEventLoop } from '../../observability/instrument.ts';
import { createMetrics, type Metrics } from '../../observability/metrics.ts';
import { type HttpServer, serveHttp } from '../../observability/serve.ts';
import { exposeView, type MetricsView, statusView } from '../../observability/view.ts';
import type { WorkEvent } from '../../queue/events.ts';
import { namespace } from './namespace.ts';
import { openResources, type Resources } from './resources.ts';

export interface UpMetricsOptions {
  readonly port: number;
  readonly dataDir: string;
}

/** The metrics of a folder that is kept up. */
export interface UpMetrics extends HttpServer {
  /** Takes notice of what workers do. */
  onEvent(event: WorkEvent): void;
  /** The manifests are applied. */
  setReady(): void;
}

/** Serves metrics and health on this machine only: whoever wants them elsewhere puts a proxy before them. */
export async function serveUpMetrics({ port, dataDir }: UpMetricsOptions): Promise<UpMetrics> {
  const metrics = createMetrics({ served: true });
  const resources = openResources(dataDir, namespace);
  let isReady = false;
  exposeView(metrics, viewOf(metrics, resources));
  metrics.set('leader', {}, 1); // the one that owns the data directory
  const stopWatching = watchEventLoop(metrics);
  const server = await serveHttp({
    ...{ port, host: '127.0.0.1', metrics },
    live: () => undefined,
    ready: () => (isReady ? undefined : 'the manifests are not applied yet'),
  });
  return {
    port: server.port,
    onEvent: (event) => void countPublished(metrics, resources, event),
    setReady: () => {
      isReady = true;
    },
    close: async () => {
      stopWatching();
      await server.close();
    },
  };
}

/** A run tells which pipeline a step is of; one that cannot be read now costs its figures, and nothing else. */
async function countPublished(metrics: Metrics, { runs }: Resources, event: WorkEvent): Promise<void> {
  if (event.type !== 'published') return;
  const run = await runs.get(event.run).catch(() => undefined);
  if (run) metrics.recordManifest(event.manifest, namespace, run.spec.pipelineRef.name);
}

/** What is stored, read once for each scrape. Runs that have ended since the start are counted by then, whoever began them. */
function viewOf(metrics: Metrics, resources: Resources): MetricsView {
  const startedAt = Date.now();
  let pipelines: Awaited<ReturnType<Resources['pipelines']['list']>> = [];
  metrics.collect(async () => {
    pipelines = await resources.pipelines.list();
    for (const run of await resources.runs.list()) {
      if (Date.parse(run.status?.finishTime ?? '') >= startedAt) recordEndedRun(metrics, namespace, run);
    }
  });
  const view = statusView(() => pipelines.map(({ metadata, status }) => ({ namespace, name: metadata.name, status })));
  return { ...view, pools: () => sharedPools(view) };
}

/** All pipelines of a machine share its pools, and each tells the same of them. */
const sharedPools = (view: MetricsView): ReturnType<MetricsView['pools']> => {
  const byPool = new Map(
    [...view.pools()].map((seen) => [seen.pool, { ...seen, pipeline: '', recommended: seen.desired }]),
  );
  return [...byPool.values()];
};

/**
 * Run with `--expose-gc` and a kubeconfig: prints how many bytes of heap a controller keeps of each Pipeline, with all
 * that belongs to it. The objects are those of the API server, each taken many times under other names.
 */
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { pino } from 'pino';
import type { KubeApi, KubeObject } from '../../src/controller/kubernetes/api.ts';
import { startCaches } from '../../src/controller/kubernetes/caches.ts';
import { openKubeApi, resourceTypes } from '../../src/controller/kubernetes/client.ts';
import { metricsView } from '../../src/controller/kubernetes/view.ts';
import { createMetrics } from '../../src/observability/metrics.ts';
import { exposeView } from '../../src/observability/view.ts';

const copies = 10;

const [, , kubeconfig = ''] = process.argv;
// What is compiled is none of what is kept.
setFlagsFromString('--optimize-for-size');
const log = pino({ level: 'silent' });
const { api, close } = openKubeApi({ kubeconfig, log });
await api.get(resourceTypes.pipelines, { namespace: 'default', name: 'none' }); // the connection is no part of it either

const before = await heapInUse();
const caches = startCaches({
  api: multiplied(api),
  namespaces: undefined,
  pipelineSelector: undefined,
  context: () => ({ now: Date.now, log }),
});
await caches.synced;
const cached = await heapInUse();
const metrics = createMetrics();
exposeView(metrics, metricsView(caches, { seen: () => undefined }));
for (let scrape = 0; scrape < 2; scrape += 1) await metrics.pieces();
const scraped = await heapInUse();
const { length } = caches.pipelines.list();
console.log(
  JSON.stringify({
    pipelines: length,
    runs: caches.runs.list().length,
    caches: Math.round((cached - before) / length),
    metrics: Math.round((scraped - cached) / length),
  }),
);
await caches.stop();
await close();

async function heapInUse(): Promise<number> {
  if (!globalThis.gc) throw new Error('start it with --expose-gc');
  for (let round = 0; round < 3; round += 1) {
    await globalThis.gc({ execution: 'async' });
    await sleep(50);
  }
  return process.memoryUsage().heapUsed;
}

function multiplied(real: KubeApi): KubeApi {
  return {
    ...real,
    async *list(type, options, signal) {
      for await (const { items, resourceVersion } of real.list(type, options, signal)) {
        for (let copy = 0; copy < copies; copy += 1) {
          yield { items: items.map((item) => copyOf(item, copy)), resourceVersion };
        }
      }
    },
    // biome-ignore lint/correctness/useYield: nothing changes
    async *watch(_type, _options, signal) {
      if (!signal.aborted) await once(signal, 'abort');
    },
  };
}

/** Another object, which shares no string with the first. */
const copyOf = <Kind extends KubeObject>(object: Kind, copy: number): Kind =>
  JSON.parse(
    JSON.stringify(object).replaceAll('fleet-', `copy-${copy}-fleet-`).replaceAll('"uid":"', `"uid":"${copy}-`),
  );

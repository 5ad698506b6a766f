import { expect, test, vi } from 'vitest';
import type { Informer, KubeApi } from '../../../src/controller/kubernetes/api.ts';
import { forceDeleteAnnotation, runFinalizer } from '../../../src/controller/kubernetes/names.ts';
import { openRunReconciler, releaseDeadlineMs } from '../../../src/controller/kubernetes/runs.ts';
import type { StoredRun } from '../../../src/controller/kubernetes/stored.ts';
import type { World } from '../../../src/controller/world.ts';

const deletedAt = '2026-11-20T12:00:00Z';

/** A run that is being deleted, and a reconciler that looks at it so long after. */
function deletedRun(
  redis: 'away' | 'silent' | 'there',
  options: { readonly forced?: boolean; readonly afterMs?: number } = {},
) {
  const run = {
    apiVersion: 'jobpulse.dev/v1alpha1',
    kind: 'PipelineRun',
    metadata: {
      ...{ name: 'quay-1', namespace: 'harbour', deletionTimestamp: deletedAt, finalizers: [runFinalizer] },
      ...(options.forced && { annotations: { [forceDeleteAnnotation]: 'true' } }),
    },
    spec: { pipelineRef: { name: 'quay' } },
    status: { wave: 2 },
  } as unknown as StoredRun;
  const patch = vi.fn(async () => run);
  const forget = vi.fn(async () => (redis === 'silent' ? new Promise<number>(() => undefined) : 0));
  const reconcile = openRunReconciler({
    api: { patch } as unknown as KubeApi,
    pipelines: { get: () => undefined } as unknown as Informer<never>,
    runs: { get: () => run } as unknown as Informer<StoredRun>,
    world: () => ({ waves: { forget } }) as unknown as World,
    lookAgainAfter: () => undefined,
    redisReady: () => redis !== 'away',
    now: () => new Date(Date.parse(deletedAt) + (options.afterMs ?? 1_000)),
    patienceMs: 20,
  });
  return { reconcile: () => reconcile('harbour/quay-1'), patch, forget };
}

const released = [expect.anything(), { namespace: 'harbour', name: 'quay-1' }, { metadata: { finalizers: [] } }];

test('a run that is deleted goes when its jobs are out of the queues', async () => {
  const { reconcile, patch, forget } = deletedRun('there');
  await reconcile();
  expect(forget).toHaveBeenCalledWith('quay', 'quay-1', 2);
  expect(patch).toHaveBeenCalledWith(...released);
});

test('while Redis is away it stays', async () => {
  const { reconcile, patch } = deletedRun('away');
  await expect(reconcile()).rejects.toThrow('Redis is away');
  expect(patch).not.toHaveBeenCalled();
});

test('while Redis is away it goes if somebody says so, or after the deadline', async () => {
  for (const options of [{ forced: true }, { afterMs: releaseDeadlineMs + 1 }]) {
    const { reconcile, patch } = deletedRun('away', options);
    await reconcile();
    expect(patch).toHaveBeenCalledWith(...released);
  }
});

test('a Redis that says nothing keeps it, too, but not against the word of somebody', async () => {
  const kept = deletedRun('silent');
  await expect(kept.reconcile()).rejects.toThrow('did not answer');
  expect(kept.patch).not.toHaveBeenCalled();
  const forced = deletedRun('silent', { forced: true });
  await forced.reconcile();
  expect(forced.patch).toHaveBeenCalledWith(...released);
});

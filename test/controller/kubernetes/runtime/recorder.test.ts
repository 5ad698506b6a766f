import { afterAll, beforeAll, expect, test } from 'vitest';
import type { KubeApi } from '../../../../src/controller/kubernetes/api.ts';
import { listAll, type OpenKubeApi, openKubeApi, resourceTypes } from '../../../../src/controller/kubernetes/client.ts';
import { openRecorder } from '../../../../src/controller/kubernetes/recorder.ts';
import { TransientError } from '../../../../src/run/errors.ts';
import { describeWithKubernetes } from '../../../servers/kubernetes/binaries.ts';
import { type ControlPlane, startControlPlane } from '../../../servers/kubernetes/controlPlane.ts';
import { configMap, configMaps, newNamespace, silent } from './cluster.ts';

describeWithKubernetes('the event recorder', () => {
  let plane: ControlPlane;
  let open: OpenKubeApi;
  beforeAll(async () => {
    plane = await startControlPlane();
    open = openKubeApi({ kubeconfig: plane.kubeconfig, log: silent });
  });
  afterAll(async () => {
    await open?.close();
    await plane?.stop();
  });

  let dropped = 0;
  const record = (api: KubeApi = open.api) =>
    openRecorder(api, {
      ...{ component: 'jobpulse.dev/controller', instance: 'pod-0', now: Date.now, log: silent },
      onDropped: () => {
        dropped += 1;
      },
    });
  const eventsOf = async (namespace: string) =>
    (await listAll(open.api, resourceTypes.events, { namespace }, new AbortController().signal)).filter(
      ({ reportingController }) => reportingController === 'jobpulse.dev/controller',
    );
  const subject = async () => {
    const namespace = await newNamespace(plane);
    return { namespace, about: await open.api.create(configMaps, configMap(namespace, 'subject.with.dots')) };
  };
  const scaled = { reason: 'Scaled', action: 'Scale', note: 'extract from 0 to 2: 10 jobs wait' };

  test('kubectl describe shows it below its object, and what repeats as a count', async () => {
    const { namespace, about } = await subject();
    const recorder = record();
    for (let times = 0; times < 5; times += 1) recorder.event(about, scaled);
    await expect.poll(async () => (await eventsOf(namespace)).length).toBe(1);
    for (let times = 0; times < 5; times += 1) recorder.event(about, scaled);
    recorder.event(about, { ...scaled, type: 'Warning', note: 'é'.repeat(2_000) });
    await recorder.stop();
    const events = await eventsOf(namespace);
    expect(events).toHaveLength(2);
    expect(events.find(({ type }) => type === 'Normal')).toMatchObject({
      ...scaled,
      regarding: { kind: 'ConfigMap', name: 'subject.with.dots', uid: about.metadata.uid },
      reportingInstance: 'pod-0',
      series: { count: 10 },
    });
    const { stdout } = await plane.kubectl(['describe', 'configmap', 'subject.with.dots', '-n', namespace]);
    expect(stdout).toMatch(/Normal +Scaled .*extract from 0 to 2/);
  });

  test('a create whose answer gets lost makes one event, and so does a server that is away for a moment', async () => {
    const { namespace, about } = await subject();
    let calls = 0;
    const flaky: KubeApi = {
      ...open.api,
      async create(type, object, signal) {
        calls += 1;
        if (calls === 1) throw new TransientError('away');
        const made = await open.api.create(type, object, signal);
        if (calls === 2) {
          recorder.event(about, scaled);
          throw new TransientError('the answer got lost');
        }
        return made;
      },
    };
    const recorder = record(flaky);
    recorder.event(about, scaled);
    await expect.poll(() => calls, { timeout: 20_000 }).toBe(3);
    await recorder.stop();
    expect(await eventsOf(namespace)).toMatchObject([{ series: { count: 2 } }]);
  });

  test('an event that is gone begins anew, and one that is refused harms nobody', async () => {
    const { namespace, about } = await subject();
    const recorder = record();
    recorder.event(about, scaled);
    await expect.poll(async () => (await eventsOf(namespace)).length).toBe(1);
    const [old] = await eventsOf(namespace);
    await open.api.delete(resourceTypes.events, { namespace, name: old?.metadata.name ?? '' });
    recorder.event({ ...about, metadata: { ...about.metadata, namespace: 'there-is-none' } }, scaled);
    recorder.event(about, scaled);
    await expect.poll(async () => (await eventsOf(namespace)).length, { timeout: 20_000 }).toBe(1);
    await recorder.stop();
    recorder.event(about, scaled);
  });

  test('an event that the API server refuses is dropped, and counted', async () => {
    const { about } = await subject();
    dropped = 0;
    const recorder = record();
    recorder.event({ ...about, metadata: { ...about.metadata, namespace: 'nowhere' } }, scaled);
    await expect.poll(() => dropped, { timeout: 30_000 }).toBe(1);
    await recorder.stop();
  });
});

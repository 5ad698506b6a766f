import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { KubeApi, Leadership } from '../../../../src/controller/kubernetes/api.ts';
import { type OpenKubeApi, openKubeApi, resourceTypes } from '../../../../src/controller/kubernetes/client.ts';
import { type Clock, systemClock } from '../../../../src/controller/kubernetes/clock.ts';
import { type CampaignOptions, campaign } from '../../../../src/controller/kubernetes/leader.ts';
import { describeWithKubernetes } from '../../../servers/kubernetes/binaries.ts';
import { type ControlPlane, startControlPlane } from '../../../servers/kubernetes/controlPlane.ts';
import { newNamespace, openThrough, silent } from './cluster.ts';
import { startProxy } from './proxy.ts';

/** Everything five times as fast. */
const quick = { leaseSeconds: 3, renewSeconds: 2, retrySeconds: 0.4 };

/** A clock that is a little fast or slow. */
const paced = (pace: number): Clock => ({
  now: () => systemClock.now() * pace,
  after: (ms, callBack) => systemClock.after(ms / pace, callBack),
});

describeWithKubernetes('leadership', () => {
  let plane: ControlPlane;
  let open: OpenKubeApi;
  let namespace: string;
  beforeAll(async () => {
    plane = await startControlPlane();
    open = openKubeApi({ kubeconfig: plane.kubeconfig, log: silent });
    namespace = await newNamespace(plane);
  });
  afterAll(async () => {
    await open?.close();
    await plane?.stop();
  });

  const run = (
    name: string,
    identity: string,
    options: Partial<CampaignOptions> = {},
    signal = new AbortController().signal,
  ): Promise<Leadership> =>
    campaign({ api: open.api, namespace, name, identity, log: silent, ...quick, ...options }, signal);
  const leaseOf = async (name: string, api: KubeApi = open.api) =>
    (await api.get(resourceTypes.leases, { namespace, name }))?.spec;

  test('the first leads, holds on, and the next one follows within seconds of its release, with a greater epoch', async () => {
    const usual = { leaseSeconds: 15, renewSeconds: 10, retrySeconds: 2 };
    const first = await run('hand-off', 'a', usual);
    const waiting = run('hand-off', 'b', usual);
    await sleep(2_500);
    expect(first.lost.aborted).toBe(false);
    expect(await leaseOf('hand-off')).toMatchObject({ holderIdentity: 'a', leaseTransitions: first.epoch });
    const released = performance.now();
    await first.release();
    expect(first.lost.aborted).toBe(true);
    const second = await waiting;
    expect(performance.now() - released).toBeLessThan(6_000);
    expect(second.epoch).toBe(first.epoch + 1);
    await second.release();
    await second.release();
  });

  test('a leader that went without a word is followed when its lease has run out; also by one of its own name', async () => {
    const proxy = await startProxy(Number(new URL(plane.url).port));
    const through = await openThrough(plane, proxy.port);
    const first = await run('died', 'pod-0', { api: through.api });
    proxy.close();
    await through.close();
    const begun = performance.now();
    const second = await run('died', 'pod-0');
    expect(performance.now() - begun).toBeGreaterThan(2_000);
    expect(first.lost.aborted).toBe(true);
    expect(second.epoch).toBe(first.epoch + 1);
    await first.release();
    expect(await leaseOf('died')).toMatchObject({ holderIdentity: 'pod-0', leaseTransitions: second.epoch });
    await second.release();
  });

  test('who cannot renew has lost before another leads: connections gone silent', async () => {
    const proxy = await startProxy(Number(new URL(plane.url).port));
    const through = await openThrough(plane, proxy.port);
    const first = await run('silent', 'a', { api: through.api });
    const silencing = setInterval(() => proxy.silence(), 20);
    let lostAt = Number.POSITIVE_INFINITY;
    first.lost.addEventListener('abort', () => {
      lostAt = performance.now();
    });
    const second = await run('silent', 'b');
    expect(lostAt).toBeLessThan(performance.now());
    clearInterval(silencing);
    proxy.close();
    await Promise.all([first.release(), second.release(), through.close()]);
  });

  test('a renewal whose connection is cut now and then is made up for', async () => {
    const proxy = await startProxy(Number(new URL(plane.url).port));
    const through = await openThrough(plane, proxy.port);
    const leadership = await run('cut', 'a', { api: through.api });
    for (let cut = 0; cut < 8; cut += 1) {
      await sleep(500); // time for a whole call, on a busy machine too
      proxy.cut();
    }
    expect(leadership.lost.aborted).toBe(false);
    await leadership.release();
    proxy.close();
    await through.close();
  });

  test('a lease that was taken away or deleted is lost at once, and its successor has a greater epoch', async () => {
    const first = await run('robbed', 'a');
    await open.api.patch(
      resourceTypes.leases,
      { namespace, name: 'robbed' },
      { spec: { holderIdentity: 'thief', leaseTransitions: first.epoch + 1 } },
    );
    await expect.poll(() => first.lost.aborted, { timeout: 1_500 }).toBe(true);
    const second = await run('robbed', 'b');
    expect(second.epoch).toBe(first.epoch + 2);
    await open.api.delete(resourceTypes.leases, { namespace, name: 'robbed' });
    await expect.poll(() => second.lost.aborted, { timeout: 1_500 }).toBe(true);
    const third = await run('robbed', 'c');
    expect(third.epoch).toBeGreaterThanOrEqual(first.epoch);
    await third.release();
  });

  test('a lease is judged by how long it stands, not by what its holder’s clock says', async () => {
    const first = await run('clocks', 'a');
    await first.release();
    const spec = { holderIdentity: 'x', leaseDurationSeconds: 2, renewTime: '2001-01-01T00:00:00.000000Z' };
    await open.api.patch(resourceTypes.leases, { namespace, name: 'clocks' }, { spec });
    const begun = performance.now();
    const second = await run('clocks', 'b');
    expect(performance.now() - begun).toBeGreaterThan(1_900);
    await second.release();
  });

  test('who gives up waiting does not lead', async () => {
    const first = await run('given-up', 'a');
    const waiting = new AbortController();
    const second = run('given-up', 'b', {}, waiting.signal);
    setTimeout(() => waiting.abort(new Error('enough')), 100);
    await expect(second).rejects.toThrow('enough');
    await first.release();
  });

  test('of twenty that come, go and die, never do two lead at the same time, and epochs only grow', async () => {
    const ended = new AbortController();
    const leading = new Set<string>();
    const epochs: number[] = [];
    const violations: string[] = [];
    const candidate = async (identity: string): Promise<void> => {
      const proxy = await startProxy(Number(new URL(plane.url).port));
      const { api, close } = await openThrough(plane, proxy.port);
      const clock = paced(0.9 + Math.random() * 0.2);
      while (!ended.signal.aborted) {
        const leadership = await run('twenty', identity, { api, clock }, ended.signal).catch(() => undefined);
        if (!leadership) break;
        if (leading.size > 0) violations.push(`${identity} while ${[...leading]}`);
        leading.add(identity);
        leadership.lost.addEventListener('abort', () => leading.delete(identity));
        epochs.push(leadership.epoch);
        await sleep(Math.random() * 1_500);
        if (Math.random() < 0.3) {
          const silencing = setInterval(() => proxy.silence(), 10);
          await new Promise((resolve) => leadership.lost.addEventListener('abort', resolve));
          clearInterval(silencing);
          proxy.cut();
        } else await leadership.release();
      }
      proxy.close();
      await close();
    };
    const all = Array.from({ length: 20 }, (_, index) => candidate(`c${index}`));
    await expect.poll(() => epochs.length, { timeout: 120_000 }).toBeGreaterThan(8);
    ended.abort(new Error('enough'));
    await Promise.all(all);
    expect(violations).toEqual([]);
    expect(epochs).toEqual([...new Set(epochs)].sort((one, other) => one - other));
  });
});

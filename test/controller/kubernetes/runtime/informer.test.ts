import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { ApiError, type Informer, type KubeApi, type ObjectKey } from '../../../../src/controller/kubernetes/api.ts';
import { type OpenKubeApi, openKubeApi } from '../../../../src/controller/kubernetes/client.ts';
import {
  type InformerContext,
  type InformerOptions,
  startInformer,
} from '../../../../src/controller/kubernetes/informer.ts';
import { describeWithKubernetes } from '../../../servers/kubernetes/binaries.ts';
import { type ControlPlane, startControlPlane } from '../../../servers/kubernetes/controlPlane.ts';
import { type ConfigMap, configMap, configMaps, newNamespace, openThrough, silent } from './cluster.ts';
import { startProxy, type TcpProxy } from './proxy.ts';

describeWithKubernetes('an informer', () => {
  let plane: ControlPlane;
  let open: OpenKubeApi;
  let api: KubeApi;
  let namespace: string;
  const started: Informer<ConfigMap>[] = [];
  beforeAll(async () => {
    plane = await startControlPlane();
    open = openKubeApi({ kubeconfig: plane.kubeconfig, log: silent });
    api = open.api;
  });
  beforeEach(async () => {
    namespace = await newNamespace(plane);
    // The controller manager puts one into every namespace.
    await expect
      .poll(() => api.get(configMaps, { namespace, name: 'kube-root-ca.crt' }), { timeout: 20_000 })
      .toBeTruthy();
    return async () => {
      await Promise.all(started.splice(0).map((informer) => informer.stop()));
    };
  });
  afterAll(async () => {
    await open?.close();
    await plane?.stop();
  });

  const key = (name: string): ObjectKey => ({ namespace, name });
  const create = (name: string, data: Record<string, string> = {}) =>
    api.create(configMaps, configMap(namespace, name, data));
  const change = (name: string, data: Record<string, string>) => api.patch(configMaps, key(name), { data });

  /** An informer on ConfigMaps of this test's namespace, and what it has told. */
  function follow(
    over: { readonly api?: KubeApi; readonly options?: InformerOptions<ConfigMap> } & Partial<InformerContext> = {},
  ) {
    const told: string[] = [];
    const restarts: unknown[] = [];
    const { api: by = api, options, ...context } = over;
    const informer = startInformer(
      by,
      configMaps,
      { namespace, ...options },
      {
        ...{ now: Date.now, log: silent, onRestart: (error: unknown) => restarts.push(error) },
        ...context,
      },
    );
    started.push(informer);
    informer.onChange(({ name }, object, before) => {
      if (name !== 'kube-root-ca.crt') told.push(`${object ? (before ? '~' : '+') : '-'}${name}`);
    });
    const sees = (name: string, data: object | undefined) =>
      expect.poll(() => informer.get(key(name))?.data, { timeout: 15_000 }).toEqual(data);
    return { informer, told, restarts, sees };
  }

  async function throughProxy<Result>(work: (api: KubeApi, proxy: TcpProxy) => Promise<Result>): Promise<Result> {
    const proxy = await startProxy(Number(new URL(plane.url).port));
    const through = await openThrough(plane, proxy.port);
    try {
      return await work(through.api, proxy);
    } finally {
      await Promise.all(started.splice(0).map((informer) => informer.stop()));
      proxy.close();
      await through.close();
    }
  }

  test('has what is there, follows what happens, and keeps no managedFields', async () => {
    await create('a', { n: '1' });
    const { informer, told, sees } = follow();
    await informer.synced;
    expect(informer.get(key('a'))?.data).toEqual({ n: '1' });
    await change('a', { n: '2' });
    await create('b');
    await api.delete(configMaps, key('a'));
    await sees('a', undefined);
    expect(told).toEqual(['+a', '~a', '+b', '-a']);
    expect(
      informer
        .list(namespace)
        .map(({ metadata }) => metadata.name)
        .sort(),
    ).toEqual(['b', 'kube-root-ca.crt']);
    expect(informer.list('elsewhere')).toEqual([]);
    expect(JSON.stringify(informer.list())).not.toContain('managedFields');
    expect(Date.now() - informer.heardAt()).toBeLessThan(5_000);
  });

  test('finds what an owner owns, by selector, and metadata only when asked', async () => {
    const owner = await create('owner');
    const uid = owner.metadata.uid ?? '';
    const ownerReferences = [{ apiVersion: 'v1', kind: 'ConfigMap', name: 'owner', uid }];
    const { informer } = follow({ options: { labelSelector: 'pool=extract', metadataOnly: true } });
    await informer.synced;
    const child = configMap(namespace, 'child', { n: '1' });
    await api.create(configMaps, {
      ...child,
      metadata: { ...child.metadata, ownerReferences, labels: { pool: 'extract' } },
    });
    await expect.poll(() => informer.ownedBy(uid).map(({ metadata }) => metadata.name)).toEqual(['child']);
    expect(informer.ownedBy(uid)[0]).not.toHaveProperty('data');
    expect(informer.list()).toHaveLength(1);
    await api.patch(configMaps, key('child'), { metadata: { labels: { pool: 'other' } } });
    await expect.poll(() => informer.ownedBy(uid)).toEqual([]);
  });

  test('a listener that throws stops neither the loop nor other listeners', async () => {
    const { informer, sees, told } = follow();
    informer.onChange(() => {
      throw new Error('a bad listener');
    });
    const after: string[] = [];
    informer.onChange(({ name }) => after.push(name));
    await create('a');
    await create('b', { n: '1' });
    await sees('b', { n: '1' });
    expect(told).toEqual(['+a', '+b']);
    expect(after).toEqual(expect.arrayContaining(['a', 'b']));
  });

  describe('what is remembered', () => {
    test('is there at once, is told once, and gives way to nothing older', async () => {
      const { informer, told, sees } = follow();
      await informer.synced;
      const first = await create('a', { n: '1' });
      informer.remember(first);
      expect(informer.get(key('a'))?.data).toEqual({ n: '1' });
      const second = await change('a', { n: '2' });
      informer.remember(second);
      informer.remember(first);
      expect(informer.get(key('a'))?.data).toEqual({ n: '2' });
      await create('b', { n: '1' });
      await sees('b', { n: '1' });
      expect(told).toEqual(['+a', '~a', '+b']);
    });

    test('does not come back when it was deleted since', async () => {
      const { informer, told, sees } = follow();
      await informer.synced;
      const late = await create('a', { n: '1' });
      await sees('a', { n: '1' });
      await api.delete(configMaps, key('a'));
      await sees('a', undefined);
      informer.remember(late);
      expect(informer.get(key('a'))).toBeUndefined();
      expect(told).toEqual(['+a', '-a']);
    });
  });

  describe('goes on after', () => {
    test('connections that are cut again and again, without missing or repeating a change', () =>
      throughProxy(async (through, proxy) => {
        const { informer, told, restarts, sees } = follow({ api: through });
        await informer.synced;
        const expected: string[] = [];
        for (let round = 0; round < 5; round += 1) {
          proxy.cut();
          await create(`m${round}`, { n: String(round) });
          expected.push(`+m${round}`);
          await sees(`m${round}`, { n: String(round) });
        }
        expect(told).toEqual(expected);
        expect(restarts.length).toBeGreaterThan(0);
      }));

    test('a connection that has gone silent', () =>
      throughProxy(async (through, proxy) => {
        const { informer, restarts, sees, told } = follow({ api: through, idleMs: 1_500 });
        await informer.synced;
        await expect.poll(() => proxy.open()).toBeGreaterThan(0);
        await sleep(200);
        proxy.silence();
        await create('a', { n: '1' });
        await sleep(300);
        expect(informer.get(key('a'))).toBeUndefined();
        await sees('a', { n: '1' });
        expect(restarts.map(String)).toContain('Error: the watch said nothing for 1.5 s');
        expect(told).toEqual(['+a']);
      }));

    test('an API server that is killed and comes back', async () => {
      await create('a', { n: '1' });
      const { informer, told, restarts, sees } = follow();
      await informer.synced;
      await plane.stopApiServer('SIGKILL');
      await sleep(500);
      await plane.startApiServer();
      await change('a', { n: '2' });
      await sees('a', { n: '2' });
      expect(restarts.length).toBeGreaterThan(0);
      expect(told).toEqual(['+a', '~a']);
    });

    test('a version that the API server has forgotten: only what really changed is told', async () => {
      await Promise.all([create('kept'), create('changed', { n: '1' }), create('gone')]);
      const gone = new ApiError(410, 'Expired', 'watch: 410 too old resource version');
      const begin = Promise.withResolvers<void>();
      let forgotten = 0;
      const forgetful: KubeApi = {
        ...api,
        async *watch(type, options, signal) {
          await begin.promise;
          if (Number(options.resourceVersion) < forgotten) throw gone;
          yield* api.watch(type, options, signal);
        },
      };
      const { informer, told, restarts, sees } = follow({ api: forgetful });
      await informer.synced;
      told.length = 0;
      await change('changed', { n: '2' });
      await api.delete(configMaps, key('gone'));
      forgotten = Number((await create('new', { n: '1' })).metadata.resourceVersion);
      begin.resolve();
      await sees('new', { n: '1' });
      await create('later', { n: '1' });
      await sees('later', { n: '1' });
      expect([...told].sort()).toEqual(['+later', '+new', '-gone', '~changed']);
      expect(restarts).toEqual([gone]);
    });

    test('a real 410, by a watch from a version of before the API server began anew', async () => {
      // What happened before its start it does not remember.
      await plane.stopApiServer();
      await plane.startApiServer();
      const versions: string[] = [];
      const stale: KubeApi = {
        ...api,
        watch(type, options, signal) {
          versions.push(options.resourceVersion);
          return api.watch(type, versions.length === 1 ? { ...options, resourceVersion: '1' } : options, signal);
        },
      };
      const { informer, restarts, sees } = follow({ api: stale });
      await informer.synced;
      await create('a', { n: '1' });
      await sees('a', { n: '1' });
      expect(restarts).toMatchObject([{ status: 410, reason: 'Expired' }]);
    });

    test('a kind that is not there yet, and one that has just come', async () => {
      const type = { group: 'test.jobpulse.dev', version: 'v1', plural: 'widgets', kind: 'Widget' };
      const restarts: unknown[] = [];
      const informer = startInformer(
        api,
        type,
        { namespace },
        {
          ...{ now: Date.now, log: silent, onRestart: (error: unknown) => restarts.push(error) },
        },
      );
      await expect.poll(() => restarts.length).toBeGreaterThan(2);
      expect(restarts[0]).toMatchObject({ status: 404 });
      const created = await plane.kubectl(['apply', '-f', '-'], { input: JSON.stringify(widgets) });
      expect(created.code, created.stderr).toBe(0);
      await informer.synced;
      const widget = { apiVersion: 'test.jobpulse.dev/v1', kind: 'Widget', metadata: { namespace, name: 'w' } };
      await expect
        .poll(
          () =>
            api.create(type, widget).then(
              () => true,
              () => false,
            ),
          { timeout: 20_000 },
        )
        .toBe(true);
      await expect.poll(() => informer.get(key('w'))?.metadata.name, { timeout: 20_000 }).toBe('w');
      await informer.stop();
    });
  });

  test('a thousand objects take little memory', async () => {
    const data = { text: 'x'.repeat(2_000) };
    for (let batch = 0; batch < 10; batch += 1) {
      await Promise.all(Array.from({ length: 100 }, (_, index) => create(`m${batch * 100 + index}`, data)));
    }
    const before = heapUsed();
    const { informer } = follow({ options: { metadataOnly: true } });
    await informer.synced;
    await expect.poll(() => informer.list().length).toBe(1_001);
    const bytes = (heapUsed() - before) / 1_001;
    expect(bytes).toBeLessThan(4_000);
  });
});

function heapUsed(): number {
  globalThis.gc?.();
  return process.memoryUsage().heapUsed;
}

const widgets = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'widgets.test.jobpulse.dev' },
  spec: {
    group: 'test.jobpulse.dev',
    scope: 'Namespaced',
    names: { plural: 'widgets', singular: 'widget', kind: 'Widget' },
    versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object' } } }],
  },
};

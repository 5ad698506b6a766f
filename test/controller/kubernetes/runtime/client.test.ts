import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ApiError, type KubeApi } from '../../../../src/controller/kubernetes/api.ts';
import { listAll, type OpenKubeApi, openKubeApi, resourceTypes } from '../../../../src/controller/kubernetes/client.ts';
import { TransientError } from '../../../../src/run/errors.ts';
import { describeWithKubernetes } from '../../../servers/kubernetes/binaries.ts';
import { type ControlPlane, startControlPlane } from '../../../servers/kubernetes/controlPlane.ts';
import { configMap, configMaps, newNamespace, openThrough, silent } from './cluster.ts';
import { startProxy } from './proxy.ts';

const never = new AbortController().signal;

describeWithKubernetes('the Kubernetes client', () => {
  let plane: ControlPlane;
  let open: OpenKubeApi;
  let api: KubeApi;
  let namespace: string;
  beforeAll(async () => {
    plane = await startControlPlane({ audit: true });
    open = openKubeApi({ kubeconfig: plane.kubeconfig, log: silent });
    api = open.api;
    namespace = await newNamespace(plane);
  });
  afterAll(async () => {
    await open?.close();
    await plane?.stop();
  });

  describe('calls', () => {
    test('the namespace is that of the context', () => {
      expect(open.namespace).toBe('default');
    });

    test('an object is created, read, patched and deleted, and twice gone is gone', async () => {
      const key = { namespace, name: 'one' };
      expect(await api.get(configMaps, key)).toBeUndefined();
      const made = await api.create(configMaps, configMap(namespace, 'one', { a: '1' }));
      expect(await api.get(configMaps, key)).toEqual(made);
      const patched = await api.patch(configMaps, key, { data: { a: null, b: '2' } });
      expect(patched.data).toEqual({ b: '2' });
      await api.delete(configMaps, key);
      await api.delete(configMaps, key);
      expect(await api.get(configMaps, key)).toBeUndefined();
    });

    test('a delete by uid leaves another object of that name alone', async () => {
      const key = { namespace, name: 'again' };
      const first = await api.create(configMaps, configMap(namespace, 'again'));
      await api.delete(configMaps, key);
      const second = await api.create(configMaps, configMap(namespace, 'again'));
      await api.delete(configMaps, key, { uid: first.metadata.uid ?? '' });
      expect((await api.get(configMaps, key))?.metadata.uid).toBe(second.metadata.uid);
    });

    test('an apply that changes nothing writes nothing; a conflict and an old version are 409', async () => {
      const ours = { fieldManager: 'ours' };
      const wanted = configMap(namespace, 'applied', { a: '1' });
      const first = await api.apply(configMaps, wanted, ours);
      const second = await api.apply(configMaps, wanted, ours);
      expect(second.metadata.resourceVersion).toBe(first.metadata.resourceVersion);
      const theirs = configMap(namespace, 'applied', { a: '2' });
      await expect(api.apply(configMaps, theirs, { fieldManager: 'theirs' })).rejects.toMatchObject({
        status: 409,
        reason: 'Conflict',
      });
      const forced = await api.apply(configMaps, theirs, { fieldManager: 'theirs', force: true });
      expect(forced.data).toEqual({ a: '2' });
      const { resourceVersion = '' } = first.metadata;
      const onOld = { ...wanted, metadata: { ...wanted.metadata, resourceVersion } };
      await expect(api.apply(configMaps, onOld, { ...ours, force: true })).rejects.toMatchObject({ status: 409 });
    });

    test('what is refused is an ApiError with a short message that quotes nothing of a secret', async () => {
      const bad = configMap(namespace, 'Not A Name', { password: 'canary-123' });
      const error = await api.create(configMaps, bad).catch((caught: unknown) => caught);
      expect(error).toBeInstanceOf(ApiError);
      expect(error).toMatchObject({ status: 422, reason: 'Invalid' });
      expect((error as Error).message).toMatch(/^POST .*configmaps: 422 .*Not A Name/);
      expect((error as Error).message).not.toContain('canary');
    });

    test('a list comes in pages and is whole; metadata only is asked for as such', async () => {
      const many = await newNamespace(plane);
      const names = Array.from({ length: 250 }, (_, index) => `map-${String(index).padStart(4, '0')}`);
      await Promise.all(names.map((name) => api.create(configMaps, configMap(many, name, { a: 'b' }))));
      const mark = await plane.auditMark();
      const pages = await Array.fromAsync(api.list(configMaps, { namespace: many, metadataOnly: true }, never));
      const items = pages.flatMap((page) => page.items);
      expect(items.map(({ metadata }) => metadata.name)).toEqual(expect.arrayContaining(names));
      expect(items.every((item) => item.kind === 'ConfigMap' && item.data === undefined)).toBe(true);
      expect(new Set(pages.map(({ resourceVersion }) => resourceVersion)).size).toBe(1);
      expect(Number(pages[0]?.resourceVersion)).toBeGreaterThan(0);
      expect(pages).toHaveLength(3);
      expect((await plane.audit(mark)).filter(({ verb }) => verb === 'list')).toHaveLength(pages.length);
    });

    test('a call is given up by its signal', async () => {
      const gone = AbortSignal.abort(new Error('enough'));
      await expect(api.get(configMaps, { namespace, name: 'one' }, gone)).rejects.toThrow('enough');
    });
  });

  describe('connections', () => {
    test('a connection that is cut is tried again; a server that is not there is a TransientError', async () => {
      const proxy = await startProxy(Number(new URL(plane.url).port));
      const through = await openThrough(plane, proxy.port);
      const key = { namespace: 'default', name: 'kube-root-ca.crt' };
      await through.api.get(configMaps, key);
      const answers = Promise.all(Array.from({ length: 20 }, () => through.api.get(configMaps, key)));
      proxy.cut();
      expect((await answers).every((answer) => answer !== undefined)).toBe(true);
      proxy.close();
      const error = await through.api.get(configMaps, key).catch((caught: unknown) => caught);
      expect(error).toBeInstanceOf(TransientError);
      expect((error as Error).message).toMatch(/API server https:\/\/127\.0\.0\.1:\d+ does not answer: ECONNREFUSED/);
      await through.close();
    });
  });

  describe('credentials', () => {
    test('a service account sees what its role lets it see', async () => {
      const kubeconfig = await plane.kubeconfigFor({ serviceAccount: 'default', namespace });
      const robot = openKubeApi({ kubeconfig, log: silent });
      const refused = listAll(robot.api, resourceTypes.pods, { namespace }, never);
      await expect(refused).rejects.toMatchObject({ status: 403, reason: 'Forbidden' });
      await robot.close();
    });
  });
});

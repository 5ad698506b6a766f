import { expect, test } from 'vitest';
import type { KubeApi } from '../../../../src/controller/kubernetes/api.ts';
import { listAll } from '../../../../src/controller/kubernetes/client.ts';
import { leadersApi } from '../../../../src/controller/kubernetes/leadersApi.ts';
import { countingApi } from '../../../../src/observability/countingApi.ts';

const type = { group: '', version: 'v1', plural: 'things', kind: 'Thing' };
const key = { namespace: 'jobs', name: 'a' };
const thing = { apiVersion: 'v1', kind: 'Thing', metadata: key };

/** Answers no call before its signal ends it, as a server does whose connection went silent. */
const hanging = (signal?: AbortSignal): Promise<never> =>
  new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason)));
const silent: KubeApi = {
  get: (_type, _key, signal) => hanging(signal),
  list: async function* (_type, _options, signal) {
    yield await hanging(signal);
  },
  watch: async function* (_type, _options, signal) {
    yield await hanging(signal);
  },
  create: (_type, _object, signal) => hanging(signal),
  apply: (_type, _object, _options, signal) => hanging(signal),
  patch: (_type, _key, _patch, signal) => hanging(signal),
  delete: (_type, _key, _options, signal) => hanging(signal),
};

const { signal: never } = new AbortController();
const calls: Readonly<Record<string, (api: KubeApi, signal: AbortSignal) => Promise<unknown>>> = {
  get: (api, signal) => api.get(type, key, signal),
  list: (api, signal) => listAll(api, type, {}, signal),
  watch: (api, signal) => api.watch(type, { resourceVersion: '1' }, signal)[Symbol.asyncIterator]().next(),
  create: (api, signal) => api.create(type, thing, signal),
  apply: (api, signal) => api.apply(type, thing, { fieldManager: 'test' }, signal),
  patch: (api, signal) => api.patch(type, key, {}, signal),
  delete: (api, signal) => api.delete(type, key, {}, signal),
};

test.each(Object.entries(calls))('%s ends when leadership is lost, and when its caller wants', async (_, call) => {
  const lost = new AbortController();
  const caller = new AbortController();
  const api = leadersApi(
    countingApi(silent, () => undefined),
    lost.signal,
  );
  const ended = call(api, caller.signal);
  caller.abort(new Error('the caller has had enough'));
  await expect(ended).rejects.toThrow('the caller has had enough');
  const underWay = call(api, never);
  lost.abort(new Error('lost'));
  await expect(underWay).rejects.toThrow('lost');
});

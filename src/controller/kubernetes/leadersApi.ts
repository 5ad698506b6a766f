import type { KubeApi } from './api.ts';

/**
 * The API as a leader has it: once the lease is lost, calls that are under way end and no other is made. Without this, a
 * call that hung while the API server was away could write when another controller leads already.
 */
export function leadersApi(api: KubeApi, lost: AbortSignal): KubeApi {
  const until = (signal?: AbortSignal): AbortSignal => (signal ? AbortSignal.any([signal, lost]) : lost);
  return {
    get: (type, key, signal) => api.get(type, key, until(signal)),
    list: (type, options, signal) => api.list(type, options, until(signal)),
    watch: (type, options, signal) => api.watch(type, options, until(signal)),
    create: (type, object, signal) => api.create(type, object, until(signal)),
    apply: (type, object, options, signal) => api.apply(type, object, options, until(signal)),
    patch: (type, key, patch, signal) => api.patch(type, key, patch, until(signal)),
    delete: (type, key, options, signal) => api.delete(type, key, options, until(signal)),
  };
}

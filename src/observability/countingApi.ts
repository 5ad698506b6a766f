import { ApiError, type KubeApi } from '../controller/kubernetes/api.ts';

/** A call of the Kubernetes API that has been answered, or given up. */
export interface ApiCall {
  readonly verb: Exclude<keyof KubeApi, symbol>;
  readonly kind: string;
  /** HTTP status; `none` when no answer came. */
  readonly code: string;
  /** Whether it was to change something. */
  readonly isWrite: boolean;
}

/** The same API; tells of each call when it has ended. */
export function countingApi(api: KubeApi, onCall: (call: ApiCall) => void): KubeApi {
  const counted = <Result>(verb: ApiCall['verb'], kind: string, answer: Promise<Result>): Promise<Result> => {
    const tell = (code: string) => onCall({ verb, kind, code, isWrite: writes.has(verb) });
    answer.then(
      () => tell('200'),
      (error: unknown) => tell(codeOf(error)),
    );
    return answer;
  };
  return {
    get: (type, key, signal) => counted('get', type.kind, api.get(type, key, signal)),
    list: (type, options, signal) =>
      countedStream(api.list(type, options, signal), (code) =>
        onCall({ verb: 'list', kind: type.kind, code, isWrite: false }),
      ),
    watch: (type, options, signal) =>
      countedStream(api.watch(type, options, signal), (code) =>
        onCall({ verb: 'watch', kind: type.kind, code, isWrite: false }),
      ),
    create: (type, object, signal) => counted('create', type.kind, api.create(type, object, signal)),
    apply: (type, object, options, signal) => counted('apply', type.kind, api.apply(type, object, options, signal)),
    patch: (type, key, patch, signal) => counted('patch', type.kind, api.patch(type, key, patch, signal)),
    delete: (type, key, options, signal) => counted('delete', type.kind, api.delete(type, key, options, signal)),
  };
}

const writes: ReadonlySet<ApiCall['verb']> = new Set(['create', 'apply', 'patch', 'delete']);

const codeOf = (error: unknown): string => (error instanceof ApiError ? String(error.status) : 'none');

/** A list or a watch is told of once, when it has ended. */
async function* countedStream<Item>(items: AsyncIterable<Item>, tell: (code: string) => void): AsyncIterable<Item> {
  let code = '200';
  try {
    yield* items;
  } catch (error) {
    code = codeOf(error);
    throw error;
  } finally {
    tell(code);
  }
}

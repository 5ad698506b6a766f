/** An object of the Kubernetes API, as far as the controller looks at objects of any kind. */
export interface KubeObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectMeta;
}

export interface ObjectMeta {
  readonly name: string;
  readonly namespace?: string;
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly generation?: number;
  readonly creationTimestamp?: string;
  readonly deletionTimestamp?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly finalizers?: readonly string[];
  readonly ownerReferences?: readonly OwnerReference[];
}

export interface OwnerReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  readonly controller?: boolean;
  readonly blockOwnerDeletion?: boolean;
}

/** A kind, by where the API serves it. `Kind` is the type of its objects. */
export interface ResourceType<Kind extends KubeObject = KubeObject> {
  /** '' for the core group. */
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly kind: Kind['kind'];
}

/** What an object is: enough to find it again. */
export interface ObjectKey {
  readonly namespace: string;
  readonly name: string;
}

export interface ListOptions {
  /** All namespaces when absent. */
  readonly namespace?: string;
  readonly labelSelector?: string;
  /** Only `metadata` of each object is asked for and kept. */
  readonly metadataOnly?: boolean;
}

/** Some of the objects there were at one moment, which is the same for all pages. */
export interface ListPage<Kind> {
  readonly items: readonly Kind[];
  readonly resourceVersion: string;
}

export type WatchEvent<Kind> =
  | { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'; readonly object: Kind }
  | { readonly type: 'BOOKMARK'; readonly resourceVersion: string };

export interface ApplyOptions {
  readonly fieldManager: string;
  /** Takes fields from other managers. Default: false, and a conflict is an ApiError with status 409. */
  readonly force?: boolean;
  readonly subresource?: 'status' | 'scale';
}

/**
 * The calls that the controller makes, and no others. Every failed call is an {@link ApiError}, or a TransientError when
 * there was no answer, or the reason of a signal that ended it. What it writes to logs holds neither bodies nor
 * credentials. A call has a time limit, and is tried again a few times if it may be done twice.
 */
export interface KubeApi {
  /** `undefined` when there is none. */
  get<Kind extends KubeObject>(
    type: ResourceType<Kind>,
    key: ObjectKey,
    signal?: AbortSignal,
  ): Promise<Kind | undefined>;
  /** Page by page: whoever keeps only a part of each object never has all of them whole. */
  list<Kind extends KubeObject>(
    type: ResourceType<Kind>,
    options: ListOptions,
    signal: AbortSignal,
  ): AsyncIterable<ListPage<Kind>>;
  /** Changes after a version, with bookmarks, until the server or the signal ends it. A 410 is an ApiError. */
  watch<Kind extends KubeObject>(
    type: ResourceType<Kind>,
    options: ListOptions & { readonly resourceVersion: string },
    signal: AbortSignal,
  ): AsyncIterable<WatchEvent<Kind>>;
  create<Kind extends KubeObject>(type: ResourceType<Kind>, object: Kind, signal?: AbortSignal): Promise<Kind>;
  /** Server-side apply; with `metadata.resourceVersion` only onto that version (409 otherwise). Returns what is stored. */
  apply<Kind extends KubeObject>(
    type: ResourceType<Kind>,
    object: Kind,
    options: ApplyOptions,
    signal?: AbortSignal,
  ): Promise<Kind>;
  /** JSON merge patch. */
  patch<Kind extends KubeObject>(
    type: ResourceType<Kind>,
    key: ObjectKey,
    patch: object,
    signal?: AbortSignal,
  ): Promise<Kind>;
  /** Deletes it and, in the background, what it owns. It may be gone already. `uid`: only this very object. */
  delete(type: ResourceType, key: ObjectKey, options?: { readonly uid?: string }, signal?: AbortSignal): Promise<void>;
}

/** The API server's answer to a call that failed. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  /** HTTP status. */
  readonly status: number;
  /** `reason` of the Status object, such as `NotFound`, `Conflict`, `AlreadyExists`, `Expired`. */
  readonly reason: string;
  /** From `Retry-After`. */
  readonly retryAfterMs: number | undefined;

  constructor(status: number, reason: string, message: string, retryAfterMs?: number) {
    super(message);
    this.status = status;
    this.reason = reason;
    this.retryAfterMs = retryAfterMs;
  }
}

/** A cache of the objects of one kind that keeps itself up to date. */
export interface Informer<Kind extends KubeObject> {
  /** Settles when the first list is in the cache. */
  readonly synced: Promise<void>;
  get(key: ObjectKey): Kind | undefined;
  /** All of them, or those of a namespace, or of a group in it (the informer says what makes a group). */
  list(namespace?: string, group?: string): readonly Kind[];
  /** Objects that `owner` owns, by its uid. */
  ownedBy(uid: string): readonly Kind[];
  /** Called with the key of every object that came, changed (by content, not by a list done again) or went. */
  onChange(listener: (key: ObjectKey, object: Kind | undefined, before: Kind | undefined) => void): void;
  /** What was written just now, so that the next look need not wait for the watch; older versions do not replace it. */
  remember(object: Kind): void;
  /** When the API server was last heard: list, event or bookmark; in milliseconds since 1970. */
  heardAt(): number;
  stop(): Promise<void>;
}

/** Keys that wait to be worked on. A key waits once, and is never worked on twice at the same time. */
export interface WorkQueue {
  add(key: string): void;
  /** Adds it when the time has come; the earliest time counts. */
  addAfter(key: string, ms: number): void;
  /** Keys that wait, are delayed or under way. */
  size(): { readonly waiting: number; readonly delayed: number; readonly active: number };
  /** Works no more; settles when what is under way has ended. */
  stop(): Promise<void>;
}

/** What doing a key came to. A rejection is tried again, each time later: 0.1 s doubled up to a minute, with jitter. */
export type Reconcile = (key: string, signal: AbortSignal) => Promise<void>;

/** Leadership of an installation, by a Lease. */
export interface Leadership {
  /** `metadata.generation`-like number that grows with every change of leader (`leaseTransitions`): fences writes. */
  readonly epoch: number;
  /** Aborts when leadership is lost, or cannot be shown to be ours any more. */
  readonly lost: AbortSignal;
  /** Gives the lease back at once, so that another takes over without waiting for its expiry. */
  release(): Promise<void>;
}

/** Writes `events.k8s.io/v1` Events; never fails, never waits, and aggregates what repeats. */
export interface EventRecorder {
  event(
    about: KubeObject,
    event: {
      readonly reason: string;
      readonly note: string;
      readonly action: string;
      readonly type?: 'Normal' | 'Warning';
    },
  ): void;
  /** Writes what is still to be written. */
  stop(): Promise<void>;
}

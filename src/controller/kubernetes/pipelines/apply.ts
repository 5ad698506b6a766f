import { digestOf, type Json } from '../../../run/key.ts';
import { ApiError, type KubeApi } from '../api.ts';
import { appliedAnnotation, fieldManager, typeOf } from '../names.ts';
import type { WantedObject } from '../render/index.ts';
import type { Child } from './child.ts';
import { covers } from './covers.ts';

/** What came of applying an object: what is stored now, or why the API server does not want it. */
export type Applied =
  | { readonly stored: Child; readonly written: boolean }
  | { readonly stored?: undefined; readonly refused: string };

/**
 * Makes an object what it should be, if it is not. Compared are the fields that are wanted (what somebody changed by
 * hand is put right) and the digest of what was applied last (what is no longer wanted is taken away).
 *
 * @param replicas for a workload that is not there yet
 */
export async function applyObject(
  api: KubeApi,
  there: Child | undefined,
  wanted: WantedObject,
  replicas?: number,
): Promise<Applied> {
  const target = stamped(withKept(wanted, there));
  if (there && isApplied(there, target)) return { stored: there, written: false };
  try {
    const complete = replicas === undefined ? target : await withReplicas(api, target, there, replicas);
    return { stored: await api.apply(typeOf(wanted), complete, { fieldManager, force: true }), written: true };
  } catch (error) {
    if (error instanceof ApiError && refusals.has(error.status)) {
      return { refused: `${wanted.kind} ${wanted.metadata.name}: ${error.message}` };
    }
    throw error;
  }
}

/** Answers that would be the same the next time: malformed, forbidden (rights, quota), no such place, too large, invalid. */
const refusals: ReadonlySet<number> = new Set([400, 403, 404, 413, 422]);

const isApplied = (there: Child, target: WantedObject): boolean =>
  covers(there as unknown as Json, target as unknown as Json);

/** With a digest of itself, so that fields that are no longer wanted are noticed. */
function stamped(wanted: WantedObject): WantedObject {
  const digest = digestOf(wanted as unknown as Json).slice(0, 'sha256:'.length + 16);
  const annotations = { ...wanted.metadata.annotations, [appliedAnnotation]: digest };
  return { ...wanted, metadata: { ...wanted.metadata, annotations } };
}

/** The claim of a volume cannot be changed: another size of the installation is for volumes that are made from now on. */
function withKept(wanted: WantedObject, there: Child | undefined): WantedObject {
  const claims = there?.spec?.volumeClaimTemplates;
  if (!claims || covers(claims, wanted.spec?.volumeClaimTemplates)) return wanted;
  return { ...wanted, spec: { ...wanted.spec, volumeClaimTemplates: claims } };
}

/**
 * `spec.replicas` belongs to whoever scales. We say it once, when the workload is made, and keep saying the same until
 * somebody else has set it: a field that its only owner leaves out falls back to 1. While we do, the version must be the
 * one we saw, or we would undo what was set in between.
 */
async function withReplicas(
  api: KubeApi,
  target: WantedObject,
  there: Child | undefined,
  initial: number,
): Promise<WantedObject> {
  if (!there) return { ...target, spec: { ...target.spec, replicas: initial } };
  const { name, namespace = 'default' } = target.metadata;
  const now: Child | undefined = await api.get(typeOf(target), { namespace, name }); // caches do not keep who owns what
  if (now && !areReplicasOurs(now)) return target;
  const { resourceVersion } = now?.metadata ?? {};
  return {
    ...target,
    metadata: { ...target.metadata, ...(resourceVersion !== undefined && { resourceVersion }) },
    spec: { ...target.spec, replicas: now?.spec?.replicas ?? initial },
  };
}

interface ManagedFields {
  readonly manager?: string;
  readonly fieldsV1?: { readonly 'f:spec'?: { readonly 'f:replicas'?: object } };
}

/** Whether nobody but us has said how many there are to be. */
function areReplicasOurs({ metadata }: Child): boolean {
  const { managedFields = [] } = metadata as { readonly managedFields?: readonly ManagedFields[] };
  const owners = managedFields.filter(({ fieldsV1 }) => fieldsV1?.['f:spec']?.['f:replicas']);
  return owners.length > 0 && owners.every(({ manager }) => manager === fieldManager);
}

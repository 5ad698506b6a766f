import type { KubeApi, KubeObject } from '../api.ts';
import { pipelineLabel, typeOf } from '../names.ts';
import type { StoredPipeline } from '../stored.ts';
import type { Child, Children } from './child.ts';

/**
 * What stands where an object is wanted. What the cache does not have is asked for: the cache may know only objects with
 * our labels, and applying onto somebody else's would take it over.
 */
export async function find(api: KubeApi, children: Children, wanted: KubeObject): Promise<Child | undefined> {
  const { name, namespace = 'default' } = wanted.metadata;
  const type = typeOf(wanted);
  return children.get(type, { namespace, name }) ?? (await api.get(type, { namespace, name }));
}

/** Why an object is not this Pipeline's, and what to do; `undefined` when it is. */
export function foreign(there: Child, wanted: KubeObject, { metadata }: StoredPipeline): string | undefined {
  const { name, namespace = 'default', ownerReferences = [], labels = {} } = there.metadata;
  const owner = ownerReferences.find(({ controller }) => controller === true);
  if (owner?.uid === metadata.uid && labels[pipelineLabel] === metadata.name) return undefined;
  const what = `${wanted.kind} ${name}`;
  if (owner?.kind === 'Pipeline' && owner.name === metadata.name && owner.uid !== metadata.uid) {
    return `${what} is still there from an earlier Pipeline ${metadata.name}; Kubernetes is about to remove it`;
  }
  const whose = owner ? `belongs to ${owner.kind} ${owner.name}` : 'was not made for this Pipeline';
  const remove = `kubectl delete ${wanted.kind.toLowerCase()} ${name} -n ${namespace}`;
  return `${what} is there already and ${whose}. Give the Pipeline another name, or remove what is there: ${remove}`;
}

import { crdOf, kinds } from '../../src/api/generate/crd.ts';
import { isGiven, lakeClaimOf, type Manifest, metadataOf, namespacesOf, type Settings } from './settings.ts';

/** The definitions of our kinds. */
export const definitions = ({ values }: Settings): readonly Manifest[] =>
  values.crds.enabled ? kinds.map((kind) => crdOf(kind) as Manifest) : [];

/** A claim for the lake in each namespace, unless the lake is in a bucket or somebody else makes them. */
export function claims(settings: Settings): readonly Manifest[] {
  const { s3, filesystem } = settings.values.lake;
  if (isGiven(s3) || filesystem.existingClaim !== '') return [];
  const { accessMode, storageClassName, size } = filesystem;
  return namespacesOf(settings).map((namespace) => ({
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { ...metadataOf(settings), name: lakeClaimOf(settings), namespace },
    spec: {
      accessModes: [accessMode],
      ...(storageClassName !== '' && { storageClassName }),
      resources: { requests: { storage: size } },
    },
  }));
}

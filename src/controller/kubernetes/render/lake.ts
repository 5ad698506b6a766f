import type { LakePlace } from '../../../connectors/stores/open.ts';
import type { Json } from '../../../run/key.ts';
import type { Installation } from '../installation.ts';
import { podPaths } from '../names.ts';

/** How the workers of an installation get at its lake. */
export interface LakeAccess {
  readonly place: LakePlace;
  readonly mounts: readonly Json[];
  readonly volumes: readonly Json[];
}

export function lakeAccess({ lake: { filesystem, s3 } }: Installation): LakeAccess {
  if (s3) return bucketAccess(s3);
  return {
    place: podPaths.lake,
    mounts: [{ name: 'lake', mountPath: podPaths.lake }],
    volumes: [{ name: 'lake', persistentVolumeClaim: { claimName: filesystem?.claimName ?? '' } }],
  };
}

/** Without a Secret the pods have an identity of their own, which the cloud gives to their ServiceAccounts. */
function bucketAccess({ secret, ...place }: NonNullable<Installation['lake']['s3']>): LakeAccess {
  if (!secret) return { place, mounts: [], volumes: [] };
  const credentialsDir = podPaths.lakeCredentials;
  return {
    place: { ...place, credentialsDir },
    mounts: [{ name: 'lake-credentials', mountPath: credentialsDir, readOnly: true }],
    volumes: [{ name: 'lake-credentials', secret: { secretName: secret.name } }],
  };
}

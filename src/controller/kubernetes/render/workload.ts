import type { Json } from '../../../run/key.ts';
import type { Installation } from '../installation.ts';
import { childName } from '../names.ts';
import { podTemplate, type RenderedPool } from './pod.ts';

/** Old templates that are kept to go back to. */
const revisionHistoryLimit = 2;

/** Workers that come and go. */
export const deploymentSpec = (from: RenderedPool): { readonly [name: string]: Json } => ({
  selector: from.selector,
  revisionHistoryLimit,
  strategy: { type: 'RollingUpdate', rollingUpdate: replacing(from) },
  template: podTemplate(from),
});

/** The limits of a source hold within a process: where only one may ask, there are not two while pods are replaced. */
const replacing = ({ pool, settings }: RenderedPool): Json =>
  pool === 'extract' && settings.max === 1
    ? { maxSurge: 0, maxUnavailable: 1 }
    : { maxSurge: '25%', maxUnavailable: 0 };

/** The one worker that has the warehouse's file, on a volume that outlives it, and outlives the Pipeline. */
export const statefulSetSpec = (from: RenderedPool): { readonly [name: string]: Json } => ({
  selector: from.selector,
  serviceName: childName(from.pipeline.metadata.name, from.pool),
  revisionHistoryLimit,
  // A pod that does not get ready must not keep its mended template from being used.
  podManagementPolicy: 'Parallel',
  updateStrategy: { type: 'RollingUpdate' },
  persistentVolumeClaimRetentionPolicy: { whenDeleted: 'Retain', whenScaled: 'Retain' },
  template: podTemplate(from),
  volumeClaimTemplates: [warehouseClaim(from.installation)],
});

function warehouseClaim({ warehouse: { duckdb }, pod }: Installation): Json {
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name: 'warehouse', labels: pod.labels },
    spec: {
      accessModes: ['ReadWriteOnce'],
      resources: { requests: { storage: duckdb.storage } },
      ...(duckdb.storageClassName !== undefined && { storageClassName: duckdb.storageClassName }),
    },
  };
}

import { createHash } from 'node:crypto';
import { stringify } from 'yaml';
import {
  imageOf,
  isGiven,
  lakeClaimOf,
  type Manifest,
  metadataOf,
  redisSecretOf,
  type Settings,
  selectorOf,
} from './settings.ts';

/** The document that the controller is started with. */
export function documentOf(settings: Settings): object {
  const { name, values } = settings;
  const { image, watch, workers, lake, files, warehouse, allowPrivateNetworks } = values;
  const { storage, storageClassName, postgres } = warehouse;
  return {
    id: name,
    ...(watch.selector !== '' && { pipelineSelector: watch.selector }),
    image: { name: imageOf(settings), pullPolicy: image.pullPolicy, pullSecrets: image.pullSecrets },
    ...(isGiven(workers.pod) && { pod: workers.pod }),
    ...(isGiven(workers.pools) && { pools: workers.pools }),
    redis: { secret: redisSecretOf(settings) },
    lake: isGiven(lake.s3) ? { s3: lake.s3 } : { filesystem: { claimName: lakeClaimOf(settings) } },
    ...(files.existingClaim !== '' && { files: { claimName: files.existingClaim } }),
    warehouse: {
      duckdb: { storage, ...(storageClassName !== '' && { storageClassName }) },
      ...(postgres.secret.name !== '' && { postgres: postgresOf(postgres) }),
    },
    allowPrivateNetworks,
    networkPolicy: networkPolicyOf(settings),
  };
}

const postgresOf = ({ secret, ca }: Settings['values']['warehouse']['postgres']): object => ({
  secret,
  ...(ca.name !== '' && { ca }),
});

function networkPolicyOf(settings: Settings): object {
  const { values, namespace } = settings;
  const { enabled, dns, redis, warehouse, metrics } = values.networkPolicy;
  const bundled = {
    namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': namespace } },
    podSelector: { matchLabels: selectorOf(settings, 'redis') },
  };
  const ofRedis = isGiven(redis) ? redis : values.redis.bundled ? { to: [bundled], ports: [6379] } : undefined;
  return {
    enabled,
    ...(isGiven(dns) && { dns }),
    ...(ofRedis && { redis: ofRedis }),
    ...(isGiven(warehouse) && { warehouse }),
    ...(metrics.length > 0 && { metrics }),
  };
}

export const documentText = (settings: Settings): string => stringify(documentOf(settings), { lineWidth: 0 });

/** It is read at the start: another one is another template of pods. */
export const documentDigest = (settings: Settings): string =>
  createHash('sha256').update(documentText(settings)).digest('hex');

export const documentMap = (settings: Settings): Manifest => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: metadataOf(settings),
  data: { 'installation.yaml': documentText(settings) },
});

import { parse } from 'yaml';
import { checkPipeline } from '../../../../src/api/index.ts';
import { type Installation, parseInstallation } from '../../../../src/controller/kubernetes/installation.ts';
import type { StoredPipeline } from '../../../../src/controller/kubernetes/stored.ts';

/** The least that an installation says. */
export const smallInstallation = `
id: harbour
image: {name: registry.example/jobpulse:1}
redis: {secret: {name: jobpulse-redis}}
lake: {filesystem: {claimName: jobpulse-lake}}
`;

/** An installation that says everything. */
export const fullInstallation = `
id: harbour
pipelineSelector: team=quay
image: {name: registry.example/jobpulse:1, pullPolicy: Always, pullSecrets: [registry]}
pod:
  labels: {cost: quay}
  annotations: {note: made up}
  nodeSelector: {disk: fast}
  tolerations: [{key: spot, operator: Exists, effect: NoSchedule}]
  priorityClassName: later
  security: {}
  scratch: 2Gi
  graceSeconds: 30
  logLevel: debug
pools:
  extract: {concurrency: 8, minReplicas: 1, maxReplicas: 1, resources: {limits: {cpu: 1000m, memory: 1Gi}}}
  clean: {maxReplicas: 9}
redis: {secret: {name: jobpulse-redis, key: address}}
lake: {filesystem: {claimName: jobpulse-lake}}
files: {claimName: jobpulse-files}
warehouse: {duckdb: {storage: 20Gi, storageClassName: fast}}
allowPrivateNetworks: true
networkPolicy:
  dns: {to: [{ipBlock: {cidr: 169.254.20.10/32}}], ports: [53]}
  redis: {to: [{podSelector: {matchLabels: {app: redis}}}], ports: [6380]}
  lake: {to: [{ipBlock: {cidr: 10.1.0.0/16, except: [10.1.2.0/24]}}], ports: [443]}
  metrics: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: monitoring}}}]
`;

export const installationOf = (text: string): Installation => parseInstallation(text, 'installation.yaml');

const dataset = `
      key: [id]
      format: {json: {records: "$"}}
      clean: {columns: [{name: id, type: string, from: $.id, required: true}]}
      load: {}
`;

/** A Pipeline with secrets, of all kinds that an API server would have given it. */
export const usual = `
  schedule: "0 6 * * *"
  datasets:
    - name: postings
      extract:
        limits: {rate: {requests: 5, per: 1s}}
        rest:
          baseUrl: https://jobs.example
          path: /search
          headers:
            - {name: Authorization-Key, valueFrom: {secretKeyRef: {name: jobs, key: api-key}}}
            - {name: User-Agent, valueFrom: {secretKeyRef: {name: jobs, key: user-agent, optional: true}}}
            - {name: Other, valueFrom: {secretKeyRef: {name: other, key: token}}}
          query: {q: "1"}${dataset}`;

/** A Pipeline as the API server stores it. */
export function stored(spec: string | object, more: object = {}): StoredPipeline {
  const value = typeof spec === 'string' ? (parse(`spec:${spec}`) as { spec: object }).spec : spec;
  const metadata = { name: 'quay', namespace: 'harbour', uid: '6f1c2a80-0000-4000-8000-000000000001', ...more };
  const checked = checkPipeline({ apiVersion: 'jobpulse.dev/v1alpha1', kind: 'Pipeline', metadata, spec: value });
  if (!checked.ok) throw new Error(checked.problems.map(({ message }) => message).join('\n'));
  return { ...checked.pipeline, metadata };
}

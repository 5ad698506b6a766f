import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { s3Bucket } from '../../api/bucket.ts';
import { readDocument } from '../../api/document.ts';
import { exactlyOne, ordered, withRules } from '../../api/rules.ts';
import { whole } from '../../api/units.ts';
import { dnsLabel, matching, text } from '../../api/words.ts';
import { annotationMap, labelMap, placement, quantity, resources } from '../../api/workers.ts';
import { TerminalError } from '../../run/errors.ts';

/**
 * What the pipelines of an installation have in common: the document that the controller is started with. It holds no
 * secret, only the names of some.
 */

const objectName = matching(/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/, 'the name of an object', 253);
const claim = z.strictObject({
  claimName: objectName.describe('A PersistentVolumeClaim in the namespace of each Pipeline.'),
});

const image = z.strictObject({
  name: text(512).describe('Image of workers; its entry point is `jobpulse`.'),
  pullPolicy: z.enum(['Always', 'IfNotPresent', 'Never']).default('IfNotPresent').describe('When it is pulled.'),
  pullSecrets: z.array(objectName).max(16).default([]).describe('Secrets of the registry.'),
});

const security = z.strictObject({
  runAsUser: whole(1, 2 ** 31 - 1)
    .exactOptional()
    .describe('User of the process.'),
  runAsGroup: whole(1, 2 ** 31 - 1)
    .exactOptional()
    .describe('Group of the process.'),
  fsGroup: whole(1, 2 ** 31 - 1)
    .exactOptional()
    .describe('Group that owns what is written to volumes.'),
});

const pod = z.strictObject({
  labels: labelMap.default({}).describe('Further labels of everything that is made for a Pipeline.'),
  annotations: annotationMap.default({}).describe('Further annotations of everything that is made for a Pipeline.'),
  ...placement,
  security: security
    .default({ runAsUser: 65532, runAsGroup: 65532, fsGroup: 65532 })
    .describe(
      'Who workers run as; `{}` where the cluster decides that. The rest is the restricted Pod Security Standard.',
    ),
  scratch: quantity.default('8Gi').describe('The most that a worker may write to its scratch folder.'),
  graceSeconds: whole(1, 3600)
    .default(60)
    .describe('How long the steps under way may take when a worker is to end; then they are given back.'),
  logLevel: z.enum(['trace', 'debug', 'info', 'warn', 'error']).default('info').describe('What workers log.'),
});

const poolSize = withRules(
  z.strictObject({
    concurrency: whole(1, 256).exactOptional().describe('Steps of a queue that one worker does at the same time.'),
    minReplicas: whole(0, 1000).exactOptional().describe('The fewest workers.'),
    maxReplicas: whole(1, 1000).exactOptional().describe('The most workers.'),
    resources: resources.exactOptional().describe('Resources of one worker.'),
  }),
  ordered('minReplicas', 'maxReplicas'),
);

const selector = z.strictObject({ matchLabels: labelMap.default({}).describe('Labels; none: all.') });
const peer = withRules(
  z.strictObject({
    namespaceSelector: selector.exactOptional().describe('Namespaces. Default: the namespace of the Pipeline.'),
    podSelector: selector.exactOptional().describe('Pods. Default: all pods of the namespaces.'),
    ipBlock: z
      .strictObject({
        cidr: text(64).describe('A network, such as 10.1.0.0/16.'),
        except: z.array(text(64)).max(64).default([]).describe('Networks in it that are left out.'),
      })
      .exactOptional()
      .describe('Addresses, instead of pods.'),
  }),
  {
    holds: ({ ipBlock, ...pods }) => (ipBlock === undefined) === Object.keys(pods).length > 0,
    cel: 'has(self.ipBlock) != (has(self.namespaceSelector) || has(self.podSelector))',
    message: 'a peer is either pods or addresses',
    fix: 'Give podSelector and namespaceSelector, or ipBlock.',
  },
);
export type Peer = z.output<typeof peer>;

const target = z.strictObject({
  to: z.array(peer).max(32).default([]).describe('Who; none: anyone on these ports.'),
  ports: z.array(whole(1, 65_535)).min(1).max(16).describe('Ports.'),
});
export type Target = z.output<typeof target>;

const networkPolicy = z.strictObject({
  enabled: z.boolean().default(true).describe('Whether workers get NetworkPolicies.'),
  dns: target
    .default({
      to: [
        {
          namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'kube-system' } },
          podSelector: { matchLabels: { 'k8s-app': 'kube-dns' } },
        },
      ],
      ports: [53],
    })
    .describe('Who resolves names, over UDP and TCP. Default: kube-dns.'),
  redis: target.default({ to: [], ports: [6379] }).describe('Where Redis is.'),
  lake: target
    .exactOptional()
    .describe(
      'Where the lake is, when it is reached over the network. Default with `lake.s3`: anyone on the port of its endpoint.',
    ),
  warehouse: target
    .default({ to: [], ports: [5432] })
    .describe('Where the server of a warehouse is; only workers that load and transform may talk to it.'),
  metrics: z.array(peer).max(32).default([]).describe('Who may read the metrics of workers; none: anyone.'),
});

const lake = withRules(
  z.strictObject({
    filesystem: claim.exactOptional().describe('A volume that all workers share.'),
    s3: z
      .strictObject({
        ...s3Bucket,
        secret: z
          .strictObject({ name: objectName.describe('Name of the Secret, in the namespace of each Pipeline.') })
          .exactOptional()
          .describe(
            'Its keys access-key-id, secret-access-key and, if there is one, session-token. Default: the identity that the cloud gives to the pods.',
          ),
      })
      .exactOptional()
      .describe('A bucket.'),
  }),
  exactlyOne('filesystem', 's3'),
);

const warehouse = z.strictObject({
  duckdb: z
    .strictObject({
      storage: quantity
        .default('10Gi')
        .describe('Size of the volume of a Pipeline; it counts when the volume is made.'),
      storageClassName: objectName.exactOptional().describe("Class of the volume. Default: the cluster's."),
    })
    .prefault({})
    .describe('The embedded warehouse: a volume of its own for every Pipeline.'),
  postgres: z
    .strictObject({
      secret: z
        .strictObject({
          name: objectName.describe('Name of the Secret, in the namespace of each Pipeline.'),
          key: text(253).default('url').describe('Key within the Secret.'),
        })
        .describe('Where the URL of the database is. The controller never reads it.'),
      ca: z
        .strictObject({
          name: objectName.describe('Name of the Secret, in the namespace of each Pipeline.'),
          key: text(253).default('ca.crt').describe('Key within the Secret.'),
        })
        .exactOptional()
        .describe(
          'Where the certificate of the authority is that vouches for the server. With it, TLS is always used.',
        ),
    })
    .exactOptional()
    .describe(
      'A PostgreSQL server, for Pipelines that say nothing of their warehouse. Default: they have an embedded one.',
    ),
});

export const installation = z.strictObject({
  id: dnsLabel().describe('Name of the installation; tells whose a part of the lake is.'),
  pipelineSelector: text(1024)
    .exactOptional()
    .describe('Label selector: only Pipelines that it matches are looked after. Default: all.'),
  image: image.describe('The image of workers.'),
  pod: pod.prefault({}).describe('What all pods of workers have in common.'),
  pools: z
    .strictObject({
      extract: poolSize.prefault({}).describe('Workers that ask the sources.'),
      clean: poolSize.prefault({}).describe('Workers that plan and clean.'),
      warehouse: poolSize.prefault({}).describe('Workers that load and transform.'),
    })
    .prefault({})
    .describe('Pools of Pipelines that say nothing else in `spec.workers`.'),
  redis: z
    .strictObject({
      secret: z
        .strictObject({
          name: objectName.describe('Name of the Secret, in the namespace of each Pipeline.'),
          key: text(253).default('url').describe('Key within the Secret.'),
        })
        .describe('Where the URL is that workers use. The controller never reads it.'),
    })
    .describe('The server of the queues.'),
  lake: lake.describe('Where the lake is.'),
  files: claim.exactOptional().describe('A volume with the files that `extract.files.paths` names.'),
  warehouse: warehouse.prefault({}).describe('Where tables are.'),
  allowPrivateNetworks: z
    .boolean()
    .default(false)
    .describe('Whether sources may have private addresses. Metadata addresses of clouds are never asked.'),
  networkPolicy: networkPolicy.prefault({}).describe('Whom workers may talk to.'),
});
/** What the pipelines of an installation have in common, with all defaults in place. */
export type Installation = z.output<typeof installation>;

/** Reads the document of an installation, YAML or JSON; tells everything that is wrong with it at once. */
export function readInstallation(file: string): Installation {
  return parseInstallation(textOf(file), file);
}

export function parseInstallation(source: string, fileName: string): Installation {
  const read = readDocument(installation, source, fileName);
  if (read.ok) return read.value;
  throw invalid(fileName, read.problems);
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw invalid(file, [`it cannot be read (${code}); name the file that describes the installation`]);
  }
}

const invalid = (file: string, problems: readonly string[]): TerminalError =>
  new TerminalError('InstallationInvalid', `${file} is not valid:\n${problems.map((each) => `  ${each}`).join('\n')}`);

import { Construct } from 'constructs';
import { childName } from '../../src/controller/kubernetes/names.ts';
import { poolNames } from '../../src/queue/names.ts';
import { apiVersionOf, cloudResource } from './configConnector.ts';

export interface GoogleCloudProps {
  /** Id of the project. */
  readonly project: string;
  /** Where data is: a region such as `us-east1`, or `US`, `EU`. */
  readonly location: string;
  /** Name of the bucket; no other in the world has it. */
  readonly bucket: string;
  /** Name of the BigQuery dataset. */
  readonly dataset: string;
  /** Names of the Pipelines whose workers may use them. */
  readonly pipelines: readonly string[];
  /** Where the Pipelines are, and where Config Connector looks after these objects. */
  readonly namespace: string;
  /** Name of the service account that workers act as. Default: `jobpulse-workers`. */
  readonly account?: string;
}

/**
 * What an installation needs of Google Cloud, kept by Config Connector: a bucket, a BigQuery dataset, and a service account
 * that the workers of the Pipelines act as by Workload Identity, so that there is no key to keep. Bucket and dataset outlive
 * these objects.
 */
export class GoogleCloud extends Construct {
  /** For `workers.pod.annotations` of the installation: tells whom workers act as. */
  readonly workerAnnotations: Readonly<Record<string, string>>;

  constructor(scope: Construct, id: string, props: GoogleCloudProps) {
    super(scope, id);
    const account = checkedAccount(props.account ?? 'jobpulse-workers');
    const email = `${account}@${props.project}.iam.gserviceaccount.com`;
    this.workerAnnotations = { 'iam.gke.io/gcp-service-account': email };
    makeAccount(this, props, account);
    makeBucket(this, props, account);
    makeDataset(this, props, account, email);
  }
}

/** Names of service accounts are of this form. */
function checkedAccount(account: string): string {
  if (/^[a-z]([-a-z0-9]{4,28})[a-z0-9]$/.test(account)) return account;
  throw new Error(`account ${account}: write 6 to 30 small letters, digits and -, with a letter first`);
}

const metadataOf = ({ project, namespace }: GoogleCloudProps, name: string, isKept = false) => ({
  name,
  namespace,
  annotations: {
    'cnrm.cloud.google.com/project-id': project,
    ...(isKept && { 'cnrm.cloud.google.com/deletion-policy': 'abandon' }),
  },
});

/** Each pool has a service account of its own in Kubernetes; all of them may act as this one. */
function makeAccount(scope: Construct, props: GoogleCloudProps, account: string): void {
  const { project, namespace, pipelines } = props;
  cloudResource(scope, 'account', 'IAMServiceAccount', {
    metadata: metadataOf(props, account),
    spec: { displayName: 'Workers of jobpulse' },
  });
  const names = pipelines.flatMap((pipeline) => poolNames.map((pool) => childName(pipeline, pool)));
  cloudResource(scope, 'workload-identity', 'IAMPartialPolicy', {
    metadata: metadataOf(props, `${account}-workload-identity`),
    spec: {
      resourceRef: { kind: 'IAMServiceAccount', apiVersion: apiVersionOf('IAMServiceAccount'), name: account },
      bindings: [
        {
          role: 'roles/iam.workloadIdentityUser',
          members: names.map((name) => ({ member: `serviceAccount:${project}.svc.id.goog[${namespace}/${name}]` })),
        },
      ],
    },
  });
}

const actingAs = (account: string) => ({ memberFrom: { serviceAccountRef: { name: account } } });

function makeBucket(scope: Construct, props: GoogleCloudProps, account: string): void {
  const { bucket, location } = props;
  cloudResource(scope, 'bucket', 'StorageBucket', {
    metadata: metadataOf(props, bucket, true),
    spec: {
      location,
      uniformBucketLevelAccess: true,
      publicAccessPrevention: 'enforced',
      // What a worker that was killed left half written.
      lifecycleRule: [{ action: { type: 'AbortIncompleteMultipartUpload' }, condition: { age: 1 } }],
    },
  });
  cloudResource(scope, 'bucket-access', 'IAMPartialPolicy', {
    metadata: metadataOf(props, `${account}-bucket`),
    spec: {
      resourceRef: { kind: 'StorageBucket', apiVersion: apiVersionOf('StorageBucket'), name: bucket },
      bindings: [{ role: 'roles/storage.objectUser', members: [actingAs(account)] }],
    },
  });
}

function makeDataset(scope: Construct, props: GoogleCloudProps, account: string, email: string): void {
  const { dataset, location, project } = props;
  cloudResource(scope, 'dataset', 'BigQueryDataset', {
    metadata: metadataOf(props, dataset.replaceAll('_', '-').toLowerCase(), true),
    spec: {
      ...{ resourceID: dataset, location },
      access: [
        { role: 'OWNER', specialGroup: 'projectOwners' },
        { role: 'WRITER', userByEmail: email },
      ],
    },
  });
  // Who may write a dataset may not yet run the jobs that do it.
  cloudResource(scope, 'jobs', 'IAMPartialPolicy', {
    metadata: metadataOf(props, `${account}-jobs`),
    spec: {
      resourceRef: { kind: 'Project', external: `projects/${project}` },
      bindings: [{ role: 'roles/bigquery.jobUser', members: [actingAs(account)] }],
    },
  });
}

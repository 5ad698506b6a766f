import { ApiObject, type ApiObjectMetadata } from 'cdk8s';
import type { Construct } from 'constructs';

/** Kinds of Google's Config Connector, which keeps resources of Google Cloud as they are here: the fields that we use. */

/** What every resource needs to be told. */
interface Resource {
  readonly metadata: ApiObjectMetadata & { readonly name: string };
}

export interface StorageBucketProps extends Resource {
  readonly spec: {
    readonly location?: string;
    readonly storageClass?: 'STANDARD' | 'NEARLINE' | 'COLDLINE' | 'ARCHIVE';
    readonly uniformBucketLevelAccess?: boolean;
    readonly publicAccessPrevention?: 'enforced' | 'inherited';
    readonly versioning?: { readonly enabled: boolean };
    readonly lifecycleRule?: readonly {
      readonly action: { readonly type: 'Delete' | 'AbortIncompleteMultipartUpload' };
      readonly condition: { readonly age?: number };
    }[];
  };
}

export interface BigQueryDatasetProps extends Resource {
  readonly spec: {
    /** Its name in BigQuery, when that is no name for an object here. */
    readonly resourceID?: string;
    readonly description?: string;
    readonly location?: string;
    readonly access?: readonly {
      readonly role: 'READER' | 'WRITER' | 'OWNER';
      readonly userByEmail?: string;
      readonly specialGroup?: 'projectOwners' | 'projectReaders' | 'projectWriters';
    }[];
  };
}

export interface IamServiceAccountProps extends Resource {
  readonly spec: { readonly displayName?: string; readonly description?: string };
}

/** Bindings beside those that others made: what is not named here is left alone. */
export interface IamPartialPolicyProps extends Resource {
  readonly spec: {
    readonly resourceRef: {
      readonly kind: string;
      readonly apiVersion?: string;
      readonly name?: string;
      readonly external?: string;
    };
    readonly bindings: readonly { readonly role: string; readonly members: readonly Member[] }[];
  };
}

type Member =
  | { readonly member: string }
  | { readonly memberFrom: { readonly serviceAccountRef: { readonly name: string } } };

const groups = {
  StorageBucket: 'storage.cnrm.cloud.google.com/v1beta1',
  BigQueryDataset: 'bigquery.cnrm.cloud.google.com/v1beta1',
  IAMServiceAccount: 'iam.cnrm.cloud.google.com/v1beta1',
  IAMPartialPolicy: 'iam.cnrm.cloud.google.com/v1beta1',
} as const;

export const apiVersionOf = (kind: keyof typeof groups): string => groups[kind];

interface Kinds {
  readonly StorageBucket: StorageBucketProps;
  readonly BigQueryDataset: BigQueryDatasetProps;
  readonly IAMServiceAccount: IamServiceAccountProps;
  readonly IAMPartialPolicy: IamPartialPolicyProps;
}

/** A resource of Google Cloud as an object of Kubernetes. */
export const cloudResource = <Kind extends keyof Kinds>(
  scope: Construct,
  id: string,
  kind: Kind,
  { metadata, spec }: Kinds[Kind],
): ApiObject => new ApiObject(scope, id, { apiVersion: groups[kind], kind, metadata, spec });

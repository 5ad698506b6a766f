/** Where a bucket is. Holds no secret, so that it may be written down. */
export interface S3Place {
  readonly bucket: string;
  /** Folder within the bucket that everything is in. */
  readonly prefix?: string;
  /** Default: what the environment says, as for every program that uses AWS; `us-east-1` beside an endpoint. */
  readonly region?: string;
  /** URL of an S3-compatible server. Default: AWS. */
  readonly endpoint?: string;
  /** Whether the bucket stands in the path instead of the host name. Default: with an endpoint. */
  readonly pathStyle?: boolean;
  /**
   * Folder with the files `access-key-id`, `secret-access-key` and, if there is one, `session-token`. Default: what the
   * environment offers: variables, a profile, the identity of a pod or a machine.
   */
  readonly credentialsDir?: string;
}

/** A bucket as people write it. */
export const s3Url = ({ bucket, prefix }: S3Place): string => `s3://${[bucket, prefix].filter(Boolean).join('/')}`;

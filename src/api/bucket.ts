import { z } from 'zod';
import { matching, text } from './words.ts';

/** Where an S3 bucket is: the fields that every document has that names one. */
export const s3Bucket = {
  bucket: text(222).describe('Name of the bucket. It is there already.'),
  prefix: matching(/^[^/]+(\/[^/]+)*$/, 'a folder such as jobs/raw, without / at its ends', 512)
    .exactOptional()
    .describe('Folder within the bucket that everything is in.'),
  region: text(64)
    .exactOptional()
    .describe('Region. Default: what the environment says; us-east-1 when there is an endpoint.'),
  endpoint: matching(/^https?:\/\/[^/?#]+$/, 'a URL such as https://minio.example:9000, without a path', 1024)
    .exactOptional()
    .describe('URL of an S3-compatible server that knows conditional writes. Default: AWS.'),
  pathStyle: z
    .boolean()
    .exactOptional()
    .describe('Whether the bucket stands in the path, not in the host name. Default: when there is an endpoint.'),
};

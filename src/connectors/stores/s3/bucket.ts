import { setTimeout as sleep } from 'node:timers/promises';
import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { TransientError } from '../../../run/errors.ts';
import { s3Client } from './client.ts';
import type { Content } from './content.ts';
import { answerOf, isAbsent, isConflict, isTaken } from './failure.ts';
import { partBytes, putInParts } from './multipart.ts';
import type { S3Place } from './place.ts';

/** Writers of one name that met are told to begin again; after this often it is left to the next attempt at the step. */
const mostConflicts = 5;
/** A body whose connection broke is asked for again this often. */
const mostReads = 3;

/** What we ask of a bucket, in its own terms. Errors are the SDK's. */
export interface Bucket {
  put(key: string, content: Content): Promise<'created' | 'exists'>;
  /** `undefined` when there is no such object. */
  read(key: string, range?: { readonly start: number; readonly end: number }): Promise<Buffer | undefined>;
  /** A page of what begins with a prefix. With a delimiter, what is behind it is told as a folder. */
  list(prefix: string, after?: string, delimiter?: string): Promise<Page>;
  remove(key: string): Promise<void>;
}

export interface Page {
  readonly objects: readonly { readonly key: string; readonly bytes: number; readonly modifiedAt: Date }[];
  readonly folders: readonly string[];
  /** Where the next page begins; absent after the last. */
  readonly after?: string;
}

export function openBucket(place: S3Place): Bucket {
  const client = s3Client(place);
  const { bucket: Bucket } = place;
  return {
    put: (key, content) => put(client, { Bucket, Key: key }, content),
    read: (key, range) => read(client, { Bucket, Key: key }, range),
    remove: async (key) => {
      await absentAsUndefined(client.send(new DeleteObjectCommand({ Bucket, Key: key })));
    },
    list: (prefix, after, delimiter) => list(client, { Bucket, prefix, after, delimiter }),
  };
}

type ObjectName = { readonly Bucket: string; readonly Key: string };

async function put(client: S3Client, name: ObjectName, content: Content): Promise<'created' | 'exists'> {
  // Bytes by the gigabyte are not sent to be refused.
  if (content.bytes > partBytes && (await isThere(client, name))) return 'exists';
  for (let attempt = 1; attempt <= mostConflicts; attempt += 1) {
    try {
      await putOnce(client, name, content);
      return 'created';
    } catch (error) {
      const answer = answerOf(error);
      if (isTaken(answer)) return 'exists';
      if (!isConflict(answer)) throw error;
      await sleep(Math.random() * 100 * 2 ** attempt);
    }
  }
  throw new TransientError(`${name.Key}: other writers were at it each of ${mostConflicts} times`, 'StoreUnreachable');
}

async function putOnce(client: S3Client, name: ObjectName, content: Content): Promise<void> {
  if (content.bytes > partBytes) return putInParts(client, name, content);
  const Body = await content.part(0, content.bytes);
  await client.send(new PutObjectCommand({ ...name, Body, ContentLength: content.bytes, IfNoneMatch: '*' }));
}

const isThere = async (client: S3Client, name: ObjectName): Promise<boolean> =>
  (await absentAsUndefined(client.send(new HeadObjectCommand(name)))) !== undefined;

/** The SDK tries a request again, but not the reading of its answer. */
async function read(
  client: S3Client,
  name: ObjectName,
  range?: { readonly start: number; readonly end: number },
): Promise<Buffer | undefined> {
  if (range && range.end <= range.start) return (await isThere(client, name)) ? Buffer.alloc(0) : undefined;
  const Range = range && `bytes=${range.start}-${range.end - 1}`;
  for (let attempt = 1; ; attempt += 1) {
    const answer = await absentAsUndefined(
      client.send(new GetObjectCommand({ ...name, ...(Range && { Range }) })),
    ).catch((error: unknown) => {
      if (answerOf(error).status === 416) return 'beyond' as const;
      throw error;
    });
    if (answer === 'beyond') return Buffer.alloc(0);
    if (!answer?.Body) return undefined;
    try {
      return asBuffer(await answer.Body.transformToByteArray());
    } catch (error) {
      if (attempt === mostReads) throw error;
    }
  }
}

const asBuffer = ({ buffer, byteOffset, byteLength }: Uint8Array): Buffer =>
  Buffer.from(buffer, byteOffset, byteLength);

interface ListRequest {
  readonly Bucket: string;
  readonly prefix: string;
  readonly after: string | undefined;
  readonly delimiter: string | undefined;
}

async function list(client: S3Client, { Bucket, prefix, after, delimiter }: ListRequest): Promise<Page> {
  const answer = await client.send(
    new ListObjectsV2Command({
      ...{ Bucket, Prefix: prefix, EncodingType: 'url' },
      ...(after !== undefined && { ContinuationToken: after }),
      ...(delimiter !== undefined && { Delimiter: delimiter }),
    }),
  );
  // XML cannot hold every name, so servers are asked to encode them; some do not.
  const decoded = answer.EncodingType === 'url' ? urlDecoded : (text: string) => text;
  return {
    objects: (answer.Contents ?? []).map(({ Key = '', Size = 0, LastModified = new Date(0) }) => ({
      ...{ key: decoded(Key), bytes: Size, modifiedAt: LastModified },
    })),
    folders: (answer.CommonPrefixes ?? []).map(({ Prefix = '' }) => decoded(Prefix)),
    ...(answer.IsTruncated && answer.NextContinuationToken && { after: answer.NextContinuationToken }),
  };
}

const urlDecoded = (text: string): string => decodeURIComponent(text.replaceAll('+', ' '));

async function absentAsUndefined<Value>(answer: Promise<Value>): Promise<Value | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (isAbsent(answerOf(error))) return undefined;
    throw error;
  }
}

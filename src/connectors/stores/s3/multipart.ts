import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  type S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import type { Content } from './content.ts';

/** What is larger goes in parts. */
export const partBytes = 16 * 2 ** 20;
const mostParts = 10_000;
/** Parts that are in memory and on their way at the same time. */
const partsAtOnce = 4;

export interface ObjectName {
  readonly Bucket: string;
  readonly Key: string;
}

/**
 * Puts a large object in parts. Nothing is visible before the last request, which only succeeds where there is no such
 * object. What a killed writer leaves is invisible, costs space, and is removed by the bucket's lifecycle rule.
 */
export async function putInParts(client: S3Client, name: ObjectName, content: Content): Promise<void> {
  const { UploadId } = await client.send(new CreateMultipartUploadCommand(name));
  const upload = { ...name, UploadId };
  try {
    const Parts = await sendParts(client, upload, content);
    await client.send(new CompleteMultipartUploadCommand({ ...upload, MultipartUpload: { Parts }, IfNoneMatch: '*' }));
  } catch (error) {
    // It may be that the server is away, or has completed the upload and could not say so.
    await client.send(new AbortMultipartUploadCommand(upload)).catch(() => undefined);
    throw error;
  }
}

type Upload = ObjectName & { readonly UploadId: string | undefined };

async function sendParts(client: S3Client, upload: Upload, content: Content) {
  const size = Math.max(partBytes, Math.ceil(content.bytes / mostParts));
  const count = Math.ceil(content.bytes / size);
  const sent: { PartNumber: number; ETag: string | undefined }[] = [];
  let next = 0;
  let failed = false;
  const sendSome = async () => {
    while (next < count && !failed) {
      const at = next++;
      const Body = await content.part(at * size, Math.min((at + 1) * size, content.bytes));
      const { ETag } = await client.send(new UploadPartCommand({ ...upload, PartNumber: at + 1, Body }));
      sent[at] = { PartNumber: at + 1, ETag };
    }
  };
  const senders = Array.from({ length: Math.min(partsAtOnce, count) }, () =>
    sendSome().catch((error: unknown) => {
      failed = true;
      throw error;
    }),
  );
  // All of them have ended before the upload is aborted: a part that came later would stay.
  const outcomes = await Promise.allSettled(senders);
  const failure = outcomes.find((outcome) => outcome.status === 'rejected');
  if (failure) throw failure.reason;
  return sent;
}

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { S3Client } from '@aws-sdk/client-s3';
import { TerminalError } from '../../../run/errors.ts';
import type { S3Place } from './place.ts';

/** Requests under way at a time. */
const maxSockets = 64;
/** How long to wait for a connection, and for the next byte. */
const connectMs = 5_000;
const silenceMs = 60_000;
/**
 * Faults, 5xx and requests to slow down are tried again, with growing pauses, for about a quarter of a minute before
 * anybody hears of them. A step then waits for the server (src/workers/serve.ts).
 */
const maxAttempts = 9;
/** Files with credentials are read again after about a minute; the client renews five minutes before the end it knows. */
const credentialsLastMs = 6 * 60_000;

/** A client of the server that a bucket is on. */
export function s3Client(place: S3Place): S3Client {
  const { endpoint, credentialsDir } = place;
  const region = place.region ?? (endpoint === undefined ? undefined : 'us-east-1');
  return new S3Client({
    ...(region !== undefined && { region }),
    ...(endpoint !== undefined && { endpoint }),
    ...(credentialsDir !== undefined && { credentials: () => credentialsIn(credentialsDir) }),
    forcePathStyle: place.pathStyle ?? endpoint !== undefined,
    maxAttempts,
    // The signature covers a digest of the bytes; further checksums are what S3-compatible servers disagree about.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestHandler: {
      connectionTimeout: connectMs,
      socketTimeout: silenceMs,
      requestTimeout: silenceMs,
      throwOnRequestTimeout: true,
      // Whoever lists or cleans asks for more at a time than there are sockets; that is what the bound is for.
      socketAcquisitionWarningTimeout: silenceMs,
      httpAgent: { maxSockets, keepAlive: true },
      httpsAgent: { maxSockets, keepAlive: true },
    },
  });
}

async function credentialsIn(folder: string) {
  const [accessKeyId, secretAccessKey, sessionToken] = await Promise.all(
    ['access-key-id', 'secret-access-key', 'session-token'].map((name) => secretFile(join(folder, name))),
  );
  if (!accessKeyId || !secretAccessKey) {
    const missing = accessKeyId ? 'secret-access-key' : 'access-key-id';
    throw new TerminalError(
      'SecretMissing',
      `the lake's credentials are missing: write ${join(folder, missing)}, or give the Secret of the lake the key ${missing}`,
    );
  }
  const expiration = new Date(Date.now() + credentialsLastMs);
  return { accessKeyId, secretAccessKey, expiration, ...(sessionToken && { sessionToken }) };
}

async function secretFile(path: string): Promise<string | undefined> {
  try {
    return (await readFile(path, 'utf8')).trim();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return undefined;
    throw new TerminalError('SecretMissing', `${path} cannot be read (${code}); make it a file that you may read`);
  }
}

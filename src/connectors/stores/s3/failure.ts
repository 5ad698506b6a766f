import { TerminalError, ThrottledError, TransientError } from '../../../run/errors.ts';
import { type S3Place, s3Url } from './place.ts';

/** What a server answered, or what happened to the request. */
export interface Answer {
  readonly name: string;
  /** HTTP status; 0 when there was no answer. */
  readonly status: number;
}

export function answerOf(error: unknown): Answer {
  if (!(error instanceof Error)) return { name: String(error), status: 0 };
  const metadata = '$metadata' in error ? (error.$metadata as { readonly httpStatusCode?: number }) : {};
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  return { name: code === '' ? error.name : code, status: metadata.httpStatusCode ?? 0 };
}

/** Somebody else's object is there. */
export const isTaken = ({ status }: Answer): boolean => status === 412;

/** Several writers of one name met, and none of them knows yet who wins. */
export const isConflict = ({ name, status }: Answer): boolean =>
  name === 'ConditionalRequestConflict' || status === 409;

/** There is no such object. The bucket is there. */
export const isAbsent = ({ name, status }: Answer): boolean => status === 404 && !isBucketMissing(name);

const isBucketMissing = (name: string): boolean => name === 'NoSuchBucket';

const throttlePauseMs = 10_000;

/** A failure in words, of the class that decides what becomes of the step. Never holds what was sent. */
export function explained(error: unknown, place: S3Place, doing: string): unknown {
  if (error instanceof TerminalError || error instanceof TransientError) return error;
  const answer = answerOf(error);
  const { name, status } = answer;
  const where = `${doing} in ${s3Url(place)}${place.endpoint === undefined ? '' : ` at ${place.endpoint}`}`;
  const what = status === 0 ? name : `${status} ${name}`;
  const cause = { cause: error };
  if (isBucketMissing(name)) {
    return new TerminalError(
      'StoreMissing',
      `${where}: there is no bucket ${place.bucket} (${what}); create it, or correct its name or region`,
      cause,
    );
  }
  if (name === 'CredentialsProviderError') {
    return new TerminalError(
      'StoreDenied',
      `${where}: there are no credentials; give the lake a Secret, or the process an identity (AWS_ACCESS_KEY_ID, a profile, a role)`,
      cause,
    );
  }
  if (expired.includes(name)) return new TransientError(`${where}: the credentials have just expired (${what})`);
  if (status === 401 || status === 403) {
    return new TerminalError(
      'StoreDenied',
      `${where}: refused (${what}); the credentials must be right and allow GetObject, PutObject, DeleteObject, AbortMultipartUpload and ListBucket`,
      cause,
    );
  }
  if (status === 429 || throttled.includes(name)) {
    return new ThrottledError(`${where}: the server asks for fewer requests (${what})`, throttlePauseMs);
  }
  if (full.includes(name) || status === 507) {
    return new TerminalError(
      'StoreFull',
      `${where}: no space is left (${what}); free some or raise the quota. Nothing was left half written.`,
      cause,
    );
  }
  if (name === 'KeyTooLongError') {
    return new TerminalError(
      'PathInvalid',
      `${where}: S3 takes names of up to 1024 bytes, prefix included; use a shorter prefix or shorter values in clean.partitionBy`,
      cause,
    );
  }
  if (wrong.includes(name) || (status >= 300 && status < 500 && !patient.includes(status))) {
    return new TerminalError(
      'StoreUnsuitable',
      `${where}: the server does not take the request (${what}); check endpoint, region and path style`,
      cause,
    );
  }
  return new TransientError(`${where}: ${what}`, 'StoreUnreachable');
}

const expired = ['ExpiredToken', 'ExpiredTokenException', 'RequestTimeTooSkewed'];
const throttled = ['SlowDown', 'Throttling', 'ThrottlingException', 'RequestLimitExceeded', 'TooManyRequests'];
const full = ['QuotaExceeded', 'XMinioStorageFull', 'EntityTooLarge'];
/** What no server will ever do, and mistakes that the client finds before it asks one. */
const wrong = ['NotImplemented', 'ERR_INVALID_URL', 'InvalidRegion', 'Region is missing'];
/** Conflicts, timeouts, uploads that are gone: the next attempt begins anew. */
const patient = [404, 408, 409, 412, 425];

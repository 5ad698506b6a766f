import { TransientError } from '../../../run/errors.ts';
import { ApiError } from '../api.ts';

/** A page of 500 objects is far below; the server's own limit of one object is 3 MiB. */
const maxAnswerBytes = 256 * 1024 * 1024;
const maxErrorBytes = 64 * 1024;
const maxMessageLength = 500;

/** How the API says that something went wrong. */
interface Status {
  readonly code?: number;
  readonly reason?: string;
  readonly message?: string;
  readonly details?: { readonly retryAfterSeconds?: number };
}

interface Answer {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: AsyncIterable<Buffer>;
}

/** The whole of a body that has a bound. */
export async function readText(body: AsyncIterable<Buffer>, maxBytes = maxAnswerBytes): Promise<string> {
  const pieces: Buffer[] = [];
  let size = 0;
  for await (const piece of body) {
    size += piece.length;
    if (size > maxBytes) throw new TransientError(`the API server's answer is larger than ${maxBytes} bytes`);
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString();
}

/** The error of an answer that is none of success. */
export async function statusError({ statusCode, headers, body }: Answer, what: string): Promise<ApiError> {
  const status = await readText(body, maxErrorBytes).then(statusOf, () => undefined);
  const after = Number(headers['retry-after']);
  return apiError({ ...status, code: statusCode }, what, Number.isFinite(after) ? after : undefined);
}

/** From a Status object; what else may be in it, such as the object that was sent, is left out. */
export function apiError(status: Status, what: string, retryAfter = status.details?.retryAfterSeconds): ApiError {
  const { code = 500, reason = '', message = 'the server gave no reason' } = status;
  const short = message.length > maxMessageLength ? `${message.slice(0, maxMessageLength)}…` : message;
  const retryAfterMs = retryAfter === undefined ? undefined : retryAfter * 1000;
  return new ApiError(code, reason, `${what}: ${code} ${short}`, retryAfterMs);
}

/** A proxy's page of HTML is no Status, and nobody wants to read it in a log. */
function statusOf(text: string): Status | undefined {
  try {
    const { kind, ...status } = JSON.parse(text) as Status & { readonly kind?: string };
    return kind === 'Status' ? status : undefined;
  } catch {
    return undefined;
  }
}

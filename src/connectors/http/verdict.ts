import { TerminalError } from '../../run/errors.ts';
import type { HttpRequest, HttpResponse } from './exchange.ts';
import { type Mask, snippet } from './mask.ts';

export type ResponseAction = 'Skip' | 'Retry' | 'Throttle' | 'Fail';

/** What a status means for this source, where it differs from the usual. */
export interface ResponseRule {
  readonly status: number;
  readonly action: ResponseAction;
}

/** What to do with a response. `skip`: there is nothing here, and that is fine. */
export type Verdict =
  | { readonly kind: 'ok' | 'skip' }
  | { readonly kind: 'transient'; readonly message: string }
  | { readonly kind: 'throttled'; readonly message: string; readonly retryAfterMs?: number };

const longestRetryAfterMs = 3_600_000;

/** Classes a response; throws the TerminalError of one that asking again would not change. */
export function judge(
  request: HttpRequest,
  response: HttpResponse,
  rules: readonly ResponseRule[],
  mask: Mask,
): Verdict {
  const action = actionFor(response, rules);
  if (action === 'Accept') return { kind: 'ok' };
  if (action === 'Skip') return { kind: 'skip' };
  const message = describeResponse(request, response, mask);
  if (action === 'Retry') return { kind: 'transient', message };
  if (action === 'Fail') throw refused(request, response, message);
  const retryAfterMs = retryAfter(response.header('retry-after'), Date.now());
  return { kind: 'throttled', message, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
}

function actionFor(response: HttpResponse, rules: readonly ResponseRule[]): ResponseAction | 'Accept' {
  const { status } = response;
  const rule = rules.find((candidate) => candidate.status === status);
  if (rule) return rule.action;
  if (status >= 200 && status < 300) return 'Accept';
  if (status === 429 || (status === 503 && response.header('retry-after') !== undefined)) return 'Throttle';
  if (status >= 500 || status === 408 || status === 425) return 'Retry';
  return 'Fail';
}

function refused(request: HttpRequest, { status, redirectedTo }: HttpResponse, message: string): TerminalError {
  if (status === 402) {
    return new TerminalError(
      'PaymentRequired',
      `${message}: the account has no credits left or its plan does not cover this; top it up at the source, then start another run`,
    );
  }
  if (status !== 401 && status !== 403) return new TerminalError('RequestRefused', message);
  const secrets = request.headers.flatMap(({ name, secret }) => (secret ? [`${secret} (header ${name})`] : []));
  const advice =
    secrets.length > 0 ? `check ${secrets.join(' and ')}` : 'no secret is sent with this request; it may need one';
  const elsewhere = redirectedTo === undefined ? '' : '; secrets are not sent to another host after a redirect';
  return new TerminalError('Unauthorized', `${message}: ${advice}${elsewhere}`);
}

/** Milliseconds that a Retry-After header asks for (seconds or an HTTP date), at most an hour. */
export function retryAfter(header: string | undefined, now: number): number | undefined {
  if (header === undefined) return undefined;
  const wait = /^\s*\d+\s*$/.test(header) ? Number(header) * 1000 : Date.parse(header) - now;
  return Number.isNaN(wait) ? undefined : Math.min(Math.max(wait, 0), longestRetryAfterMs);
}

/** `GET https://host/path?query`, without user info and with secrets masked. */
export function describeRequest({ method, url }: HttpRequest, mask: Mask): string {
  const shown = mask(url.origin + url.pathname + url.search);
  return `${method} ${shown.length > 300 ? `${shown.slice(0, 300)}…` : shown}`;
}

function describeResponse(request: HttpRequest, response: HttpResponse, mask: Mask): string {
  const { status, redirectedTo } = response;
  const elsewhere = redirectedTo === undefined ? '' : ` (redirected to ${mask(redirectedTo)})`;
  const text = isText(response.header('content-type')) ? snippet(response.body, mask) : '';
  return `${describeRequest(request, mask)}${elsewhere} answered ${status}${text && ` ${JSON.stringify(text)}`}`;
}

const isText = (contentType = 'text/plain'): boolean => /^text\/|json|xml|html|urlencoded/i.test(contentType);

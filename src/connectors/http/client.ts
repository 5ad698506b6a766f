import { TerminalError, ThrottledError, TransientError } from '../../run/errors.ts';
import { type ExchangeLimits, type HttpHeader, type HttpRequest, type HttpResponse, openExchange } from './exchange.ts';
import type { Limiter, Turn } from './limiter.ts';
import type { Mask } from './mask.ts';
import { pause } from './pause.ts';
import { describeRequest, judge, type ResponseRule, type Verdict } from './verdict.ts';

export type { HttpHeader, HttpRequest, HttpResponse } from './exchange.ts';

/** A response worth reading. `skipped`: the manifest says that this status means there is nothing. */
export interface HttpAnswer extends HttpResponse {
  readonly skipped: boolean;
}

export interface HttpClient {
  /**
   * Sends a request, again where that may help, and returns its answer.
   * Throws TransientError (tries used up), ThrottledError (asked to wait longer than a step should sit still) or
   * TerminalError; an abort throws the signal's reason.
   */
  send(request: HttpRequest, signal: AbortSignal): Promise<HttpAnswer>;
  /** Requests sent so far: every attempt and every redirect. */
  readonly sent: number;
  /** Drops all connections and whatever is under way. */
  close(): Promise<void>;
}

export interface HttpClientOptions extends Partial<ExchangeLimits> {
  readonly allowPrivateNetworks: boolean;
  readonly limiter: Limiter;
  /** Hides the secrets of the requests in messages. */
  readonly mask: Mask;
  readonly attempts: number;
  /** Wait before the second attempt; it doubles from there. */
  readonly delayMs: number;
  readonly responses: readonly ResponseRule[];
  /** Gives the token that requests carry. */
  readonly tokens?: TokenSource;
  /** What every request costs. */
  readonly toll?: Toll;
}

/** What is left of the budget does not pay for the next request. No failure: the rest is deferred. */
export class BudgetSpent extends Error {
  override readonly name = 'BudgetSpent';
}

/** Requests that must be paid for. What is paid counts even if no answer comes: the source may have charged it. */
export interface Toll {
  /** Pays for a request, or throws BudgetSpent. */
  pay(): Promise<void>;
  /** The source refused the request: it cost nothing. */
  giveBack(): void;
}

/** Where tokens come from. One that the source refuses (401) is replaced once. */
export interface TokenSource {
  get(signal: AbortSignal): Promise<HttpHeader>;
  drop(header: HttpHeader): void;
}

/** The longest wait inside a step; whoever must wait longer frees the worker. */
const longestWaitMs = 30_000;
/** Waits in a row before the worker is freed, however short they are. */
const mostWaits = 10;
/** First wait after a 429 that does not say how long. */
const throttleDelayMs = 1000;

const defaults: ExchangeLimits = {
  maxBodyBytes: 256 * 2 ** 20,
  connectTimeoutMs: 10_000,
  headersTimeoutMs: 60_000,
  bodyTimeoutMs: 60_000,
};

/**
 * An HTTP client for one step. What was paid for is not yet kept when it comes: so its place among the requests that may
 * be under way is given back with the next request, or at the end. Whoever is killed loses no more answers than there are
 * places.
 */
export function openHttpClient(options: HttpClientOptions): HttpClient {
  const exchange = openExchange(options.allowPrivateNetworks, { ...defaults, ...options });
  let paid: Turn | undefined;
  const giveBackPaid = () => {
    paid?.release();
    paid = undefined;
  };

  const attempt = async (
    bare: HttpRequest,
    signal: AbortSignal,
    renewed = false,
  ): Promise<Verdict & { response?: HttpResponse }> => {
    const token = await options.tokens?.get(signal);
    const request = token ? { ...bare, headers: [...bare.headers, token] } : bare;
    let response: HttpResponse;
    giveBackPaid();
    const turn = await options.limiter.acquire(signal);
    try {
      await options.toll?.pay();
      response = await exchange.send(request, signal);
    } catch (error) {
      turn.release();
      signal.throwIfAborted();
      return noResponse(error, request, options.mask);
    }
    if (options.toll && response.status < 400) {
      turn.answered();
      giveBackPaid(); // of a request that was under way at the same time
      paid = turn;
    } else {
      options.toll?.giveBack();
      turn.release();
    }
    if (token && response.status === 401 && !renewed) {
      options.tokens?.drop(token);
      return attempt(bare, signal, true);
    }
    return { ...judge(request, response, options.responses, options.mask), response };
  };

  return {
    async send(request, signal) {
      // To be told to wait is no failure: it spends no attempt.
      for (let tried = 1, told = 1; ; ) {
        const { response, ...verdict } = await attempt(request, signal);
        if (verdict.kind === 'transient') await waitOrGiveUp(verdict, tried++, options, signal);
        else if (verdict.kind === 'throttled') await obeyOrGiveUp(verdict, told++, signal);
        else if (response) return { ...response, skipped: verdict.kind === 'skip' };
      }
    },
    get sent() {
      return exchange.sent;
    },
    close: () => {
      giveBackPaid();
      return exchange.close();
    },
  };
}

/** What we refused ourselves is final; anything else that kept a response from us may pass. */
function noResponse(error: unknown, request: HttpRequest, mask: Mask): Verdict {
  if (error instanceof BudgetSpent) throw error;
  const asked = describeRequest(request, mask);
  const text = error instanceof Error ? mask(error.message).slice(0, 200) : '';
  if (error instanceof TerminalError) throw new TerminalError(error.reason, `${asked}: ${text}`);
  const code = error instanceof Error && 'code' in error ? `${error.code}` : '';
  if (code === 'UND_ERR_INVALID_ARG') throw new TerminalError('RequestInvalid', `${asked} cannot be sent: ${text}`);
  return { kind: 'transient', message: `${asked} got no whole answer (${[code, text].filter(Boolean).join(': ')})` };
}

async function waitOrGiveUp(
  { message }: { readonly message: string },
  tried: number,
  { attempts, delayMs }: HttpClientOptions,
  signal: AbortSignal,
): Promise<void> {
  if (tried >= attempts) throw new TransientError(`${message}; ${attempts} attempts`, 'SourceUnreachable');
  await pause(Math.random() * Math.min(delayMs * 2 ** (tried - 1), longestWaitMs), signal);
}

async function obeyOrGiveUp(
  { message, retryAfterMs }: { readonly message: string; readonly retryAfterMs?: number },
  told: number,
  signal: AbortSignal,
): Promise<void> {
  // A bare 429 hits all workers of a source at once; the jitter keeps them from coming back at once.
  const wait = retryAfterMs ?? throttleDelayMs * 2 ** (told - 1) * (1 + Math.random() / 4);
  if (told >= mostWaits || wait > longestWaitMs) throw new ThrottledError(message, Math.ceil(wait));
  await pause(wait, signal);
}

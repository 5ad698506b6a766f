import type { Extract, RestExtract } from '../../api/index.ts';
import { parseDuration } from '../../api/parseUnits.ts';
import type { Item } from '../../run/items.ts';
import type { ExtractSpec } from '../../run/specs.ts';
import { sliceValues } from '../../run/template.ts';
import type { StageContext } from '../../workers/stage.ts';
import { type HttpClient, type HttpRequest, openHttpClient, type TokenSource, type Toll } from '../http/client.ts';
import { type Limiter, type Limits, unlimited } from '../http/limiter.ts';
import { growingMask, type Mask } from '../http/mask.ts';
import { type Grant, tokensOf } from '../http/tokens.ts';
import { readAuth } from './auth.ts';
import { buildRequest, secretsOf } from './request.ts';

/** A source ready to be asked by one step. */
export interface Asking {
  readonly client: HttpClient;
  /** Hides the secrets of the requests in texts. */
  readonly mask: Mask;
  /** The request of the manifest, for an item if it asks for items. */
  readonly request: (item?: Item) => HttpRequest;
  /** Aborts with the step, and when the asking is over. */
  readonly signal: AbortSignal;
  close(): Promise<void>;
}

/** Reads the secrets and opens a client that obeys the limits of the source. */
export function openAsking(context: StageContext<ExtractSpec>, source: RestExtract, toll?: Toll): Asking {
  const { spec, step, allowPrivateNetworks } = context;
  const { limits, retry } = spec.extract;
  const access = readAuth(source.auth, context.secret);
  const { mask, hide } = growingMask(access.secrets);
  const request = (item?: Item): HttpRequest => {
    const values = { params: spec.params, slice: sliceValues(step.slice), ...(item ? { item } : {}) };
    const built = buildRequest(source, values, context.secret, access);
    secretsOf(built).forEach(hide);
    return built;
  };
  const { grant } = access;
  const client = openHttpClient({
    allowPrivateNetworks,
    limiter: limiterOf(context.limits, limits, hostOf(source)),
    mask,
    attempts: retry.attempts,
    delayMs: parseDuration(retry.delay),
    responses: source.responses,
    ...(grant ? { tokens: tokenSource(grant, allowPrivateNetworks, hide) } : {}),
    ...(toll ? { toll } : {}),
  });
  const stop = new AbortController();
  return {
    ...{ client, mask, request, signal: AbortSignal.any([context.signal, stop.signal]) },
    async close() {
      stop.abort();
      await client.close();
    },
  };
}

/** The limit key of a source that names none. */
export const hostOf = ({ baseUrl }: RestExtract): string => new URL(baseUrl).host;

/** Tokens as the header that requests carry; each is hidden before it is used. */
function tokenSource(grant: Grant, allowPrivateNetworks: boolean, hide: (secret: string) => void): TokenSource {
  const tokens = tokensOf(grant, allowPrivateNetworks);
  const scheme = 'Bearer ';
  return {
    async get(signal) {
      const token = await tokens.get(signal);
      hide(token);
      return { name: 'Authorization', value: scheme + token, secret: grant.secretOrigin };
    },
    drop: ({ value }) => tokens.drop(value.slice(scheme.length)),
  };
}

function limiterOf(shared: Limits, limits: Extract['limits'], host: string): Limiter {
  if (!limits) return unlimited;
  const { key = host, concurrency, rate } = limits;
  return shared.limiter(key, {
    concurrency,
    ...(rate && { rate: { requests: rate.requests, perMs: parseDuration(rate.per) } }),
  });
}

import { TerminalError } from '../../run/errors.ts';
import { sha256 } from '../../run/key.ts';
import { type HttpHeader, type HttpRequest, openHttpClient } from './client.ts';
import { unlimited } from './limiter.ts';
import { maskOf } from './mask.ts';
import { untilAborted } from './pause.ts';

/** An OAuth2 client credentials grant (RFC 6749, 4.4). */
export interface Grant {
  readonly tokenUrl: URL;
  readonly clientId: string;
  readonly clientSecret: string;
  /** Where the secret comes from, for messages. */
  readonly secretOrigin: string;
  readonly clientAuth: 'Basic' | 'Post';
  readonly scope?: string;
}

/** Access tokens of one grant. They live in memory only. */
export interface Tokens {
  /** A token that is good for a while yet; asks for one if there is none. */
  get(signal: AbortSignal): Promise<string>;
  /** The source refused this token: the next `get` asks for another. */
  drop(token: string): void;
}

interface Held {
  readonly token: Promise<string>;
  /** The token, once it is there. */
  text?: string;
  /** When it must be renewed, by `performance.now()`. Until it is there nobody else asks. */
  renewAt: number;
}

/** One per grant in this process, so that steps side by side ask once. */
const held = new Map<string, Held>();
const mostHeld = 100;
/** Tokens of which nobody says how long they last. */
const usualLifeSeconds = 3600;
const longestMarginMs = 60_000;
const askTimeoutMs = 60_000;
const maxAnswerBytes = 1 << 20;

export function tokensOf(grant: Grant, allowPrivateNetworks: boolean): Tokens {
  const { tokenUrl, clientId, clientSecret, clientAuth, scope } = grant;
  const name = sha256(JSON.stringify([tokenUrl.href, clientId, clientSecret, clientAuth, scope]));
  return {
    get: (signal) => untilAborted((current(name) ?? hold(name, askToken(grant, allowPrivateNetworks))).token, signal),
    drop: (token) => {
      if (held.get(name)?.text === token) held.delete(name);
    },
  };
}

function current(name: string): Held | undefined {
  const known = held.get(name);
  return known && performance.now() < known.renewAt ? known : undefined;
}

/** Keeps a token that is on its way; one that never comes is forgotten. */
function hold(name: string, asked: Promise<Token>): Held {
  const askedAt = performance.now();
  const token = asked.then(({ text, lifeMs }) => {
    mine.text = text;
    mine.renewAt = askedAt + lifeMs - Math.min(longestMarginMs, lifeMs / 10);
    return text;
  });
  const mine: Held = { token, renewAt: Number.POSITIVE_INFINITY };
  token.catch(() => {
    if (held.get(name) === mine) held.delete(name);
  });
  held.delete(name);
  held.set(name, mine);
  const [oldest] = held.keys();
  if (held.size > mostHeld && oldest !== undefined) held.delete(oldest);
  return mine;
}

interface Token {
  readonly text: string;
  readonly lifeMs: number;
}

/** Asks on behalf of every step that waits: no single step's abort ends it. */
async function askToken(grant: Grant, allowPrivateNetworks: boolean): Promise<Token> {
  const client = openHttpClient({
    allowPrivateNetworks,
    limiter: unlimited,
    mask: maskOf([grant.clientSecret, basicCredentials(grant)]),
    attempts: 3,
    delayMs: 1000,
    responses: [],
    maxBodyBytes: maxAnswerBytes,
  });
  try {
    const { body } = await client.send(tokenRequest(grant), AbortSignal.timeout(askTimeoutMs));
    return readToken(body, grant.tokenUrl);
  } finally {
    await client.close();
  }
}

function tokenRequest(grant: Grant): HttpRequest {
  const { tokenUrl, clientId, clientSecret, secretOrigin, clientAuth, scope } = grant;
  const form = new URLSearchParams({ grant_type: 'client_credentials' });
  if (scope !== undefined) form.set('scope', scope);
  if (clientAuth === 'Post') {
    form.set('client_id', clientId);
    form.set('client_secret', clientSecret);
  }
  const basic: HttpHeader = { name: 'Authorization', value: `Basic ${basicCredentials(grant)}`, secret: secretOrigin };
  return {
    method: 'POST',
    url: tokenUrl,
    headers: [
      { name: 'Content-Type', value: 'application/x-www-form-urlencoded' },
      { name: 'Accept', value: 'application/json' },
      ...(clientAuth === 'Basic' ? [basic] : []),
    ],
    body: form.toString(),
    ...(clientAuth === 'Post' ? { secretBody: secretOrigin } : {}),
  };
}

/** Both halves are encoded as in a form before they are joined (RFC 6749, 2.3.1). */
const basicCredentials = ({ clientId, clientSecret }: Grant): string =>
  Buffer.from(`${formEncoded(clientId)}:${formEncoded(clientSecret)}`).toString('base64');

const formEncoded = (text: string): string => new URLSearchParams({ '': text }).toString().slice(1);

/** The answer holds a secret: nothing of it is ever shown. */
function readToken(body: Buffer, { origin, pathname }: URL): Token {
  const answer = parse(body);
  const { access_token: text, token_type: type = 'bearer', expires_in: life = usualLifeSeconds } = answer;
  const seconds = Number(life);
  if (typeof text !== 'string' || text === '' || String(type).toLowerCase() !== 'bearer') {
    throw new TerminalError(
      'TokenInvalid',
      `POST ${origin}${pathname} answered without a bearer token; check rest.auth.oauth2.tokenUrl`,
    );
  }
  return { text, lifeMs: 1000 * (Number.isFinite(seconds) && seconds > 0 ? seconds : usualLifeSeconds) };
}

function parse(body: Buffer): Readonly<Record<string, unknown>> {
  try {
    const answer: unknown = JSON.parse(body.toString('utf8'));
    return typeof answer === 'object' && answer !== null ? (answer as Readonly<Record<string, unknown>>) : {};
  } catch {
    return {};
  }
}

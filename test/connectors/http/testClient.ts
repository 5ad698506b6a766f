import { afterEach } from 'vitest';
import { type HttpClient, type HttpClientOptions, openHttpClient } from '../../../src/connectors/http/client.ts';
import { unlimited } from '../../../src/connectors/http/limiter.ts';
import { maskOf } from '../../../src/connectors/http/mask.ts';
import { serve, type TestServer } from './server.ts';

export const secret = 'k3y/with+signs "canary"';
export const never = new AbortController().signal;
const servers: TestServer[] = [];
const clients: HttpClient[] = [];

afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()));
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

/** A server that ends with the test. */
export async function server(answer: Parameters<typeof serve>[0]): Promise<TestServer> {
  const started = await serve(answer);
  servers.push(started);
  return started;
}

/** A client that ends with the test. */
export function client(options: Partial<HttpClientOptions> = {}): HttpClient {
  const opened = openHttpClient({
    allowPrivateNetworks: true,
    limiter: unlimited,
    mask: maskOf([secret]),
    attempts: 3,
    delayMs: 5,
    responses: [],
    ...options,
  });
  clients.push(opened);
  return opened;
}

export const get = (url: string, headers: { name: string; value: string; secret?: string }[] = []) =>
  ({ method: 'GET', url: new URL(url), headers }) as const;
/** A header that carries the secret. */
export const keyed = { name: 'Authorization-Key', value: secret, secret: 'secret usajobs, key api-key' };

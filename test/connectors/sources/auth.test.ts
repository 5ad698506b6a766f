import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { readRaw } from '../../../src/lake/raw.ts';
import type { StepResult } from '../../../src/run/types.ts';
import { extract } from '../../../src/workers/extract.ts';
import { type Received, serve, type TestServer } from '../http/server.ts';
import { Bench, type Setting } from './context.ts';

let bench: Bench;
const servers: TestServer[] = [];
beforeEach(async () => {
  bench = await Bench.open();
});
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
  await bench.close();
});

async function server(answer: Parameters<typeof serve>[0]): Promise<TestServer> {
  const started = await serve(answer);
  servers.push(started);
  return started;
}

const secretFrom = (key: string) => ({ secretKeyRef: { name: 'account', key } });
const secrets = { 'account/token': 'canary-token', 'account/user': 'ann', 'account/password': 'canary:ä+ pass' };
type Auth = NonNullable<NonNullable<Setting['extract']['rest']>['auth']>;
let steps = 0;

async function run(url: string, auth: Auth, setting: Partial<Setting> = {}): Promise<StepResult> {
  steps += 1;
  const paging = { page: { param: 'page' }, maxPages: 100 };
  const rest = { baseUrl: url, path: '/search', paging, auth };
  return extract(await bench.context({ secrets, key: `step${steps}`, ...setting, extract: { rest } }));
}

const pageOf = ({ path }: Received) => Number(new URL(path, 'http://x').searchParams.get('page'));
const page = (request: Received, pages: number) =>
  JSON.stringify({ items: pageOf(request) > pages ? [] : [{ id: pageOf(request) }] });

/** A source that takes the tokens its endpoint gave, for as long as it likes them. */
class Guarded {
  readonly given: string[] = [];
  readonly forms: Received[] = [];
  source!: TestServer;
  endpoint!: TestServer;
  refusing: (token: string, request: Received) => boolean = () => false;
  life: unknown = 3600;
  pages = 3;

  async start(): Promise<this> {
    this.endpoint = await server((request, response) => {
      this.forms.push(request);
      const token = `canary-access-${steps}-${this.given.length}`;
      this.given.push(token);
      setTimeout(
        () => response.end(JSON.stringify({ access_token: token, token_type: 'Bearer', expires_in: this.life })),
        30,
      );
    });
    this.source = await server((request, response) => {
      const token = request.headers.authorization?.replace(/^Bearer /, '') ?? '';
      if (!this.given.includes(token) || this.refusing(token, request)) {
        return void response.writeHead(401).end(`{"detail":"bad token ${token}"}`);
      }
      response.end(page(request, this.pages));
    });
    return this;
  }

  auth(more: Partial<NonNullable<Auth['oauth2']>> = {}): Auth {
    const tokenUrl = `${this.endpoint.url}/oauth2/token`;
    return { oauth2: { tokenUrl, clientId: 'jobs & more', clientSecretFrom: secretFrom('password'), ...more } };
  }
}

const noCanary = async () => {
  for (const { path } of await Array.fromAsync(bench.lake.store.list(''))) {
    const bytes = path.endsWith('.zst') ? await readRaw(bench.lake, path) : await bench.lake.store.get(path);
    expect(bytes?.includes('canary')).toBe(false);
  }
};

describe('a fixed proof', () => {
  test.each<[string, Auth, string]>([
    ['bearer', { bearer: { tokenFrom: secretFrom('token') } }, 'Bearer canary-token'],
    [
      'basic',
      { basic: { usernameFrom: secretFrom('user'), passwordFrom: secretFrom('password') } },
      `Basic ${Buffer.from('ann:canary:ä+ pass').toString('base64')}`,
    ],
  ])('%s goes with every request; its secret is named, not shown', async (_, auth, header) => {
    const { url, received } = await server((request, response) => {
      response.end(page(request, 2));
    });
    expect(await run(url, auth)).toMatchObject({ ledger: { fetched: 2 } });
    expect(received.map(({ headers }) => headers.authorization)).toEqual(Array(3).fill(header));
    await noCanary();
    const closed = await server((request, response) => {
      response.writeHead(401).end(`you sent ${request.headers.authorization}`);
    });
    const failure = run(closed.url, auth);
    await expect(failure).rejects.toMatchObject({
      reason: 'Unauthorized',
      message: expect.stringMatching(/check secret account, key (token|password) \(header Authorization\)/),
    });
    const secret = header.split(' ')[1];
    await expect(failure).rejects.toThrow(
      expect.objectContaining({ message: expect.not.stringMatching(new RegExp(`canary|${secret}`)) }),
    );
    expect(closed.received).toHaveLength(1);
  });
});

describe('client credentials', () => {
  test.each([
    ['Basic', `Basic ${Buffer.from('jobs+%26+more:canary%3A%C3%A4%2B+pass').toString('base64')}`, {}],
    ['Post', undefined, { client_id: 'jobs & more', client_secret: 'canary:ä+ pass' }],
  ] as const)('the client proves itself by %s; one token serves all pages', async (clientAuth, header, inForm) => {
    const guarded = await new Guarded().start();
    const result = await run(guarded.source.url, guarded.auth({ clientAuth, scope: 'a b' }));
    expect(result).toMatchObject({ ledger: { fetched: 3 }, cost: { requests: 4 } });
    expect(guarded.forms).toHaveLength(1);
    const [form] = guarded.forms;
    expect(form).toMatchObject({ method: 'POST', path: '/oauth2/token' });
    expect(form?.headers.authorization).toBe(header);
    expect(Object.fromEntries(new URLSearchParams(form?.body))).toEqual({
      grant_type: 'client_credentials',
      scope: 'a b',
      ...inForm,
    });
    await noCanary();
  });

  test('steps side by side ask for one token together, and later steps use it', async () => {
    const guarded = await new Guarded().start();
    await Promise.all(Array.from({ length: 8 }, () => run(guarded.source.url, guarded.auth())));
    await run(guarded.source.url, guarded.auth());
    expect(guarded.forms).toHaveLength(1);
    await run(guarded.source.url, guarded.auth({ scope: 'other' }));
    expect(guarded.forms).toHaveLength(2);
  });

  test('a token that is about to end is renewed before it is refused', async () => {
    const guarded = await new Guarded().start();
    guarded.life = 0.5;
    const ends = new Map<string, number>();
    guarded.refusing = (token) => {
      if (!ends.has(token)) ends.set(token, performance.now() + 500);
      return performance.now() > (ends.get(token) ?? 0);
    };
    const start = performance.now();
    while (performance.now() - start < 1500) await run(guarded.source.url, guarded.auth());
    expect(guarded.forms.length).toBeGreaterThan(2);
    expect(guarded.forms.length).toBeLessThan(8);
  });

  test('a token that the source forgets in the middle is renewed once, and the page asked again', async () => {
    const guarded = await new Guarded().start();
    guarded.refusing = (token, request) => pageOf(request) > 1 && token === guarded.given[0];
    const result = await run(guarded.source.url, guarded.auth());
    expect(result).toMatchObject({ ledger: { fetched: 3 }, cost: { requests: 5 } });
    expect(guarded.forms).toHaveLength(2);
  });

  test('a source that refuses a fresh token too is an error that names the secret and shows no token', async () => {
    const guarded = await new Guarded().start();
    guarded.refusing = () => true;
    const failure = run(guarded.source.url, guarded.auth());
    await expect(failure).rejects.toMatchObject({
      name: 'TerminalError',
      reason: 'Unauthorized',
      message: expect.stringContaining('check secret account, key password'),
    });
    await expect(failure).rejects.toThrow(expect.objectContaining({ message: expect.not.stringContaining('canary') }));
    expect(guarded.forms).toHaveLength(2);
  });

  test.each([
    [401, '{"error":"invalid_client","hint":"canary:ä+ pass"}', 'Unauthorized', 'invalid_client'],
    [400, '{"error":"invalid_scope"}', 'RequestRefused', 'invalid_scope'],
    [200, '{"access_token":"","secret":"canary"}', 'TokenInvalid', 'rest.auth.oauth2.tokenUrl'],
    [200, '{"access_token":"canary","token_type":"mac"}', 'TokenInvalid', 'rest.auth.oauth2.tokenUrl'],
    [200, '<html>canary', 'TokenInvalid', 'rest.auth.oauth2.tokenUrl'],
  ])('an endpoint that answers %i %s', async (status, body, reason, said) => {
    const { url, received } = await server((_, response) => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(body);
    });
    const auth = {
      oauth2: { tokenUrl: `${url}/${reason}${said}`, clientId: 'c', clientSecretFrom: secretFrom('password') },
    };
    const failure = run(url, auth);
    await expect(failure).rejects.toMatchObject({
      name: 'TerminalError',
      reason,
      message: expect.stringContaining(said),
    });
    await expect(failure).rejects.toThrow(expect.objectContaining({ message: expect.not.stringContaining('canary') }));
    expect(received).toHaveLength(1);
    // What failed is not kept: the next step asks again.
    await expect(run(url, auth)).rejects.toMatchObject({ reason });
    expect(received).toHaveLength(2);
  });

  test('an endpoint at a private address, or one that sends the secret elsewhere, is refused', async () => {
    const guarded = await new Guarded().start();
    const scope = 'elsewhere';
    await expect(
      run(guarded.source.url, guarded.auth({ scope }), { allowPrivateNetworks: false }),
    ).rejects.toMatchObject({ reason: 'AddressRefused' });
    const thief = await server((_, response) => {
      response.end('{"access_token":"x"}');
    });
    const { url } = await server((_, response) => {
      response.writeHead(307, { location: `${thief.url}/` }).end();
    });
    const auth = guarded.auth({ tokenUrl: url, clientAuth: 'Post' });
    await expect(run(guarded.source.url, auth)).rejects.toMatchObject({ reason: 'RedirectInvalid' });
    expect(thief.received).toEqual([]);
  });

  test('a step that ends while it waits leaves the token to the others', async () => {
    const guarded = await new Guarded().start();
    const auth = guarded.auth({ scope: 'abort' });
    const abort = new AbortController();
    const given = run(guarded.source.url, auth, { signal: abort.signal });
    const other = run(guarded.source.url, auth);
    setTimeout(() => abort.abort(new Error('lease lost')), 5);
    await expect(given).rejects.toThrow('lease lost');
    await expect(other).resolves.toMatchObject({ ledger: { fetched: 3 } });
    expect(guarded.forms).toHaveLength(1);
  });
});

import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { retryAfter } from '../../../src/connectors/http/verdict.ts';
import { serve } from './server.ts';
import { client, get, keyed, never, secret, server } from './testClient.ts';

describe('an answer', () => {
  test('comes with status, headers and body; the request carried method, headers and body', async () => {
    const { url, received } = await server((_, response) => {
      response.setHeader('x-total-results', '742').end('{"ok":true}');
    });
    const http = client();
    const answer = await http.send(
      {
        method: 'POST',
        url: new URL(`${url}/a?b=c`),
        headers: [keyed, { name: 'User-Agent', value: 'me' }],
        body: '{"q":1}',
      },
      never,
    );
    expect(answer).toMatchObject({ status: 200, skipped: false });
    expect(answer.header('X-Total-Results')).toBe('742');
    expect(answer.body.toString()).toBe('{"ok":true}');
    expect(received[0]).toMatchObject({ method: 'POST', path: '/a?b=c', body: '{"q":1}' });
    expect(received[0]?.headers).toMatchObject({ 'authorization-key': secret, 'user-agent': 'me' });
    expect(http.sent).toBe(1);
  });

  test.each([
    ['gzip', gzipSync],
    ['deflate', deflateSync],
    ['br', brotliCompressSync],
    ['zstd', zstdCompressSync],
    ['gzip, br', (bytes: Buffer) => brotliCompressSync(gzipSync(bytes))],
    ['identity', (bytes: Buffer) => bytes],
  ])('is decoded from %s', async (coding, encode) => {
    const text = 'verbatim '.repeat(10_000);
    const { url } = await server((_, response) => {
      response.setHeader('content-encoding', coding).end(encode(Buffer.from(text)));
    });
    expect((await client().send(get(url), never)).body.toString()).toBe(text);
  });

  test('in a coding we did not ask for is refused', async () => {
    const { url } = await server((_, response) => {
      response.setHeader('content-encoding', 'compress').end('x');
    });
    await expect(client().send(get(url), never)).rejects.toMatchObject({ reason: 'EncodingUnknown' });
  });

  test.each<[string, Parameters<typeof serve>[0]]>([
    ['of known length', (_, response) => response.setHeader('content-length', 2000).end(Buffer.alloc(2000)) as never],
    ['in pieces', (_, response) => response.end(Buffer.alloc(2000)) as never],
    [
      'compressed',
      (_, response) => response.setHeader('content-encoding', 'gzip').end(gzipSync(Buffer.alloc(1e6))) as never,
    ],
  ])('larger than the bound (%s) is refused, once', async (_, answer) => {
    const { url, received } = await server(answer);
    await expect(client({ maxBodyBytes: 1999 }).send(get(url), never)).rejects.toMatchObject({
      name: 'TerminalError',
      reason: 'BodyTooLarge',
      message: expect.stringMatching(/^GET http.*larger than 1999 bytes/),
    });
    expect(received).toHaveLength(1);
  });
});

describe('what may pass is tried again', () => {
  test.each([408, 425, 500, 502, 503, 504, 520])('%i twice, then an answer', async (status) => {
    const { url } = await server((_, response, before) => {
      response.writeHead(before < 2 ? status : 200).end('body');
    });
    const http = client();
    expect((await http.send(get(url), never)).status).toBe(200);
    expect(http.sent).toBe(3);
  });

  test('for ever 503 is transient after the attempts, and says what came', async () => {
    const { url, received } = await server((_, response) => {
      response.writeHead(503).end(`<h1>Service\n Unavailable</h1> ${secret}`);
    });
    await expect(client().send(get(`${url}/x?key=${encodeURIComponent(secret)}`), never)).rejects.toMatchObject({
      name: 'TransientError',
      message: `GET ${url}/x?key=*** answered 503 "<h1>Service Unavailable</h1> ***"; 3 attempts`,
    });
    expect(received).toHaveLength(3);
  });

  test.each<[string, Parameters<typeof serve>[0]]>([
    [
      'content-length says more',
      (_, response) =>
        response.writeHead(200, { 'content-length': 100 }).write('half', () => response.destroy()) as never,
    ],
    ['chunks end without the last', (_, response) => response.write('half', () => response.destroy()) as never],
    [
      'connection closed politely',
      (_, response) =>
        response.writeHead(200, { 'content-length': 100 }).write('half', () => response.socket?.end()) as never,
    ],
    [
      'gzip ends early',
      (_, response) =>
        response.setHeader('content-encoding', 'gzip').end(gzipSync('x'.repeat(99)).subarray(0, 15)) as never,
    ],
    ['no answer at all', (_, response) => response.destroy() as never],
  ])('a truncated body: %s', async (_, answer) => {
    const { url, received } = await server((request, response, before) => {
      if (before < 1) return answer(request, response, before);
      response.end('whole');
    });
    expect((await client().send(get(url), never)).body.toString()).toBe('whole');
    expect(received).toHaveLength(2);
    const broken = await server(answer);
    await expect(client().send(get(broken.url), never)).rejects.toMatchObject({
      name: 'TransientError',
      message: expect.stringContaining('got no whole answer'),
    });
  });

  test('nobody listens', async () => {
    const closed = await serve(() => undefined);
    await closed.close();
    await expect(client().send(get(closed.url), never)).rejects.toThrow(/TransientError|ECONNREFUSED/);
  });

  test('headers or a body that never come', async () => {
    const silent = await server(() => undefined);
    const stalled = await server((_, response) => {
      response.write('half');
    });
    const http = client({ attempts: 1, headersTimeoutMs: 200, bodyTimeoutMs: 200 });
    await expect(http.send(get(silent.url), never)).rejects.toThrow('UND_ERR_HEADERS_TIMEOUT');
    await expect(http.send(get(stalled.url), never)).rejects.toThrow('UND_ERR_BODY_TIMEOUT');
  });

  test('an abort ends it at once, with its reason', async () => {
    const { url } = await server((_, response) => {
      response.writeHead(503).end();
    });
    const abort = new AbortController();
    const sending = client({ attempts: 99, delayMs: 60_000 }).send(get(url), abort.signal);
    setTimeout(() => abort.abort(new Error('lease lost')), 50);
    await expect(sending).rejects.toThrow('lease lost');
    const silent = await server(() => undefined);
    await expect(client().send(get(silent.url), AbortSignal.timeout(50))).rejects.toMatchObject({
      name: 'TimeoutError',
    });
  });
});

describe('throttling', () => {
  test.each([429, 503])('%i with Retry-After waits as long as asked', async (status) => {
    const { url } = await server((_, response, before) => {
      if (before < 1) response.writeHead(status, { 'retry-after': '1' }).end();
      else response.end('ok');
    });
    const start = performance.now();
    await client().send(get(url), never);
    expect(performance.now() - start).toBeGreaterThan(990);
    expect(performance.now() - start).toBeLessThan(8000);
  });

  test('a bare 429 waits a second, then two', async () => {
    const { url } = await server((_, response, before) => {
      response.writeHead(before < 2 ? 429 : 200).end();
    });
    const start = performance.now();
    await client().send(get(url), never);
    expect(performance.now() - start).toBeGreaterThan(2990);
    expect(performance.now() - start).toBeLessThan(9000);
  });

  test('a longer wait is handed back, so that the step is delayed and the worker is free', async () => {
    const { url, received } = await server((_, response) => {
      response.writeHead(429, { 'retry-after': '315' }).end('{"error":"activityLimitReached"}');
    });
    await expect(client().send(get(url), never)).rejects.toMatchObject({
      name: 'ThrottledError',
      retryAfterMs: 315_000,
      message: `GET ${url}/ answered 429 ${JSON.stringify('{"error":"activityLimitReached"}')}`,
    });
    expect(received).toHaveLength(1);
  });

  test('throttled again and again is throttled, not failed, and not for ever', async () => {
    const { url, received } = await server((_, response) => {
      response.writeHead(429, { 'retry-after': '0' }).end();
    });
    await expect(client().send(get(url), never)).rejects.toMatchObject({ name: 'ThrottledError' });
    expect(received).toHaveLength(10);
  });

  test('spends no attempt: what fails after it is still tried again', async () => {
    const { url, received } = await server((_, response, before) => {
      const status = before % 2 === 0 ? 429 : 503;
      if (before < 8) response.writeHead(status, status === 429 ? { 'retry-after': '0' } : {}).end();
      else response.end('ok');
    });
    expect((await client({ attempts: 5 }).send(get(url), never)).body.toString()).toBe('ok');
    expect(received).toHaveLength(9);
  });

  test('Retry-After is seconds or a date, at most an hour, never negative; nonsense is as if absent', () => {
    const now = Date.parse('2026-11-20T12:00:00Z');
    expect(retryAfter('41', now)).toBe(41_000);
    expect(retryAfter('Fri, 20 Nov 2026 12:00:07 GMT', now)).toBe(7000);
    expect(retryAfter('Fri, 20 Nov 2026 11:00:00 GMT', now)).toBe(0);
    expect(retryAfter('999999', now)).toBe(3_600_000);
    expect(retryAfter('soon', now)).toBeUndefined();
    expect(retryAfter(undefined, now)).toBeUndefined();
  });
});

describe('refusals', () => {
  test.each([401, 403])('%i names the secret to check and never its value', async (status) => {
    const { url, received } = await server((_, response) => {
      response.writeHead(status).end(JSON.stringify({ message: `bad key ${secret}` }));
    });
    const failure = client().send(get(url, [keyed]), never);
    await expect(failure).rejects.toMatchObject({
      name: 'TerminalError',
      reason: 'Unauthorized',
      message: expect.stringContaining('check secret usajobs, key api-key (header Authorization-Key)'),
    });
    await expect(failure).rejects.toThrow(expect.objectContaining({ message: expect.not.stringContaining('canary') }));
    expect(received).toHaveLength(1);
  });

  test('401 without a secret says that one may be needed', async () => {
    const { url } = await server((_, response) => {
      response.writeHead(401).end();
    });
    await expect(client().send(get(url), never)).rejects.toThrow('no secret is sent with this request');
  });

  test.each([400, 404, 410, 422, 304])('%i is final', async (status) => {
    const { url, received } = await server((_, response) => {
      response.writeHead(status).end();
    });
    await expect(client().send(get(url), never)).rejects.toMatchObject({ reason: 'RequestRefused' });
    expect(received).toHaveLength(1);
  });

  test('402 says that it wants to be paid', async () => {
    const { url, received } = await server((_, response) => {
      response.writeHead(402).end('{"detail":"Insufficient credits"}');
    });
    await expect(client().send(get(url), never)).rejects.toMatchObject({
      reason: 'PaymentRequired',
      message: expect.stringMatching(/answered 402 .*Insufficient credits.*: the account has no credits left/),
    });
    expect(received).toHaveLength(1);
  });

  test('a message shows only the beginning of a text, and nothing of other bodies', async () => {
    const long = await server((_, response) => {
      response.writeHead(400).end('x'.repeat(1e6));
    });
    await expect(client().send(get(long.url), never)).rejects.toMatchObject({
      message: expect.stringMatching(/"x{120}"$/),
    });
    const image = await server((_, response) => {
      response.writeHead(400, { 'content-type': 'image/png' }).end('bytes');
    });
    await expect(client().send(get(image.url), never)).rejects.toThrow(/answered 400$/);
  });

  test('a secret with a line break cannot be sent; the message says which', async () => {
    const { url } = await server((_, response) => {
      response.end();
    });
    await expect(client().send(get(url, [{ ...keyed, value: 'abc\n' }]), never)).rejects.toMatchObject({
      reason: 'HeaderInvalid',
      message: expect.stringContaining('Authorization-Key (secret usajobs, key api-key)'),
    });
  });
});

describe('the manifest can say what a status means', () => {
  test.each([
    [404, 'Skip', { skipped: true }],
    [200, 'Fail', { reason: 'RequestRefused' }],
    [202, 'Retry', { name: 'TransientError' }],
    [403, 'Throttle', { name: 'ThrottledError' }],
    [503, 'Fail', { reason: 'RequestRefused' }],
  ] as const)('%i: %s', async (status, action, expected) => {
    const { url } = await server((_, response) => {
      response.writeHead(status, { 'retry-after': '60' }).end('{}');
    });
    const outcome = await client({ responses: [{ status, action }] })
      .send(get(url), never)
      .catch((error: unknown) => error);
    expect(outcome).toMatchObject(expected);
  });
});

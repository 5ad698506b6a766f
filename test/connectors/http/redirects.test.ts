import { describe, expect, test } from 'vitest';
import { client, get, keyed, never, secret, server } from './testClient.ts';

describe('redirects', () => {
  test('are followed; on the same origin secrets go along', async () => {
    const { url, received } = await server(({ path }, response) => {
      if (path === '/old') response.writeHead(302, { location: '/new?x=1' }).end();
      else response.end('here');
    });
    const http = client();
    const answer = await http.send(get(`${url}/old`, [keyed]), never);
    expect(answer.body.toString()).toBe('here');
    expect(answer.redirectedTo).toBe(`${url}/new`);
    expect(received.map(({ path, headers }) => [path, headers['authorization-key']])).toEqual([
      ['/old', secret],
      ['/new?x=1', secret],
    ]);
    expect(http.sent).toBe(2);
  });

  test('to another host drop every secret and credential, and keep the rest', async () => {
    const other = await server((_, response) => {
      response.end('there');
    });
    const { url } = await server((_, response) => {
      response.writeHead(307, { location: `${other.url}/download?signature=abc` }).end();
    });
    const plain = [
      { name: 'Accept', value: 'text/csv' },
      { name: 'Authorization', value: 'Basic x' },
      { name: 'Cookie', value: 'a=b' },
    ];
    await client().send(get(url, [keyed, ...plain]), never);
    expect(other.received[0]?.headers).toMatchObject({ accept: 'text/csv' });
    expect(Object.keys(other.received[0]?.headers ?? {})).not.toEqual(
      expect.arrayContaining([expect.stringMatching(/authorization|cookie/)]),
    );
  });

  test('to another host that answers 401 say so, without the signed query', async () => {
    const other = await server((_, response) => {
      response.writeHead(401).end();
    });
    const { url } = await server((_, response) => {
      response.writeHead(302, { location: `${other.url}/x?signature=abc` }).end();
    });
    await expect(client().send(get(url, [keyed]), never)).rejects.toThrow(
      new RegExp(`redirected to ${other.url}/x\\) answered 401.*secrets are not sent to another host`),
    );
  });

  test.each([
    [301, 'GET', ''],
    [303, 'GET', ''],
    [307, 'POST', '{}'],
    [308, 'POST', '{}'],
  ])('%i of a POST asks again as %s', async (status, method, body) => {
    const { url, received } = await server(({ path }, response) => {
      if (path === '/') response.writeHead(status, { location: '/next' }).end();
      else response.end();
    });
    await client().send({ method: 'POST', url: new URL(url), headers: [], body: '{}' }, never);
    expect(received[1]).toMatchObject({ method, body });
  });

  test('without end are refused', async () => {
    const { url, received } = await server((_, response) => {
      response.writeHead(302, { location: '/again' }).end();
    });
    await expect(client().send(get(url), never)).rejects.toMatchObject({ reason: 'TooManyRedirects' });
    expect(received).toHaveLength(6);
  });

  test('to anything that is not http are refused', async () => {
    const { url } = await server((_, response) => {
      response.writeHead(302, { location: 'file:///etc/passwd' }).end();
    });
    await expect(client().send(get(url), never)).rejects.toMatchObject({ reason: 'RedirectInvalid' });
  });
});

describe('addresses', () => {
  test('private ones are refused when not allowed, by number and by name, before anything is sent', async () => {
    const { url, received } = await server((_, response) => {
      response.end();
    });
    const http = client({ allowPrivateNetworks: false });
    await expect(http.send(get(url), never)).rejects.toMatchObject({ name: 'TerminalError', reason: 'AddressRefused' });
    const named = url.replace('127.0.0.1', 'localhost');
    await expect(http.send(get(named), never)).rejects.toThrow(
      /localhost \((127\.0\.0\.1|::1)\) is a private or local address/,
    );
    await expect(http.send(get('https://localhost:9/'), never)).rejects.toMatchObject({ reason: 'AddressRefused' });
    await expect(http.send(get('http://[::1]:9/'), never)).rejects.toMatchObject({ reason: 'AddressRefused' });
    expect(received).toEqual([]);
  });

  test('cloud metadata is refused even when private networks are allowed, also behind a redirect', async () => {
    const { url } = await server((_, response) => {
      response.writeHead(302, { location: 'http://169.254.169.254/latest/meta-data/' }).end();
    });
    const http = client();
    await expect(http.send(get('http://169.254.169.254/'), never)).rejects.toMatchObject({ reason: 'AddressRefused' });
    await expect(http.send(get('http://[::ffff:169.254.169.254]/'), never)).rejects.toMatchObject({
      reason: 'AddressRefused',
    });
    await expect(http.send(get(url), never)).rejects.toMatchObject({
      reason: 'AddressRefused',
      message: expect.stringContaining('cloud metadata'),
    });
  });
});

import { createSocket } from 'node:dgram';
import { promises as dns } from 'node:dns';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { answerTo } from './kubernetes/names.ts';

describe('the names of Services', () => {
  const socket = createSocket('udp4');
  const resolver = new dns.Resolver({ timeout: 5_000, tries: 3 });
  beforeAll(async () => {
    const addresses = new Map([['redis.harbour.svc.cluster.local', '10.96.7.200']]);
    socket.on('message', (query, { address, port }) => {
      const answer = answerTo(query, addresses);
      if (answer !== undefined) socket.send(answer, port, address);
    });
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
    resolver.setServers([`127.0.0.1:${socket.address().port}`]);
  });
  afterAll(() => socket.close());

  test('have the address of the Service, whatever their case', async () => {
    expect(await resolver.resolve4('redis.harbour.svc.cluster.local')).toEqual(['10.96.7.200']);
    expect(await resolver.resolve4('Redis.Harbour.svc.cluster.local')).toEqual(['10.96.7.200']);
  });

  test('have no address of the other kind', async () => {
    await expect(resolver.resolve6('redis.harbour.svc.cluster.local')).rejects.toMatchObject({ code: 'ENODATA' });
  });

  test('are not there when no Service has them', async () => {
    await expect(resolver.resolve4('redis.elsewhere.svc.cluster.local')).rejects.toMatchObject({ code: 'ENOTFOUND' });
  });

  test('are not told to what is no question', () => {
    expect(answerTo(Buffer.from('hello'), new Map())).toBeUndefined();
    expect(answerTo(Buffer.alloc(12), new Map())).toBeUndefined();
  });
});

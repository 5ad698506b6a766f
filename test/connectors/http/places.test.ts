import { describe, expect, test } from 'vitest';
import type { Limiter } from '../../../src/connectors/http/limiter.ts';
import { client, get, never, server } from './testClient.ts';

describe('a place among the requests that may be under way', () => {
  /** Places that are taken. */
  const counted = () => {
    const taken = new Set<object>();
    const limiter: Limiter = {
      async acquire() {
        const turn = { answered: () => undefined, release: () => void taken.delete(turn) };
        taken.add(turn);
        return turn;
      },
    };
    return { limiter, taken };
  };
  const toll = { pay: async () => undefined, giveBack: () => undefined };

  test('of a request that is free is given back with its answer', async () => {
    const { url } = await server((_, response) => void response.end('ok'));
    const { limiter, taken } = counted();
    await client({ limiter }).send(get(url), never);
    expect(taken.size).toBe(0);
  });

  test('of one that was paid for is kept until the next one or the end; of one that was refused it is not', async () => {
    const { url } = await server((_, response, before) => {
      response.writeHead(before === 2 ? 404 : 200).end('ok');
    });
    const { limiter, taken } = counted();
    const http = client({ limiter, toll, responses: [{ status: 404, action: 'Skip' }] });
    await http.send(get(url), never);
    const [first] = taken;
    await http.send(get(url), never);
    expect(taken.size).toBe(1);
    expect(taken.has(first ?? {})).toBe(false);
    await http.send(get(url), never);
    expect(taken.size).toBe(0);
    await Promise.all([http.send(get(url), never), http.send(get(url), never)]);
    expect(taken.size).toBe(1);
    await http.close();
    expect(taken.size).toBe(0);
  });
});

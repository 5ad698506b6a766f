import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { createMetrics } from '../../src/observability/metrics.ts';
import { type HttpOptions, serveHttp } from '../../src/observability/serve.ts';

async function start(options: Partial<HttpOptions> = {}) {
  const fine = () => undefined;
  const metrics = createMetrics({ served: true });
  const server = await serveHttp({ port: 0, host: '127.0.0.1', metrics, live: fine, ready: fine, ...options });
  const url = `http://127.0.0.1:${server.port}`;
  return { ...server, url, get: (path: string, init?: RequestInit) => fetch(`${url}${path}`, init) };
}

test('serves metrics as Prometheus reads them', async () => {
  const server = await start();
  onTestFinished(server.close);
  const answer = await server.get('/metrics?x=1');
  expect(answer.headers.get('content-type')).toContain('version=0.0.4');
  const text = await answer.text();
  expect(text).toContain('jobpulse_build_info{');
  expect(text).toContain('process_resident_memory_bytes ');
});

test('a probe that fails says why, and the others do not care', async () => {
  let trouble: string | undefined = 'Redis is away';
  const server = await start({ ready: () => trouble });
  onTestFinished(server.close);
  const answer = await server.get('/readyz');
  expect([answer.status, await answer.text()]).toEqual([503, 'Redis is away\n']);
  expect((await server.get('/livez')).status).toBe(200);
  trouble = undefined;
  expect((await server.get('/readyz')).status).toBe(200);
});

test('what fails while it is asked is a 500, and the server goes on', async () => {
  const ready = () => {
    throw new Error('no idea');
  };
  const server = await start({ ready });
  onTestFinished(server.close);
  expect((await server.get('/readyz')).status).toBe(500);
  expect((await server.get('/livez')).status).toBe(200);
});

test('other pages and methods are refused with what there is', async () => {
  const server = await start();
  onTestFinished(server.close);
  const missing = await server.get('/toString');
  expect([missing.status, await missing.text()]).toEqual([404, 'nothing here; there are /metrics, /livez, /readyz\n']);
  expect((await server.get('/metrics', { method: 'POST', body: 'x' })).status).toBe(405);
  const head = await server.get('/livez', { method: 'HEAD' });
  expect([head.status, await head.text()]).toEqual([200, '']);
});

test('closes at once, also with a connection that says nothing', async () => {
  const server = await start();
  const idle = connect(server.port, '127.0.0.1').on('error', () => undefined);
  await server.get('/livez');
  await sleep(20);
  const began = performance.now();
  await server.close();
  expect(performance.now() - began).toBeLessThan(3_000);
  idle.destroy();
  await expect(server.get('/livez')).rejects.toThrow();
});

test('a port that is taken is told with what to do', async () => {
  const server = await start();
  onTestFinished(server.close);
  await expect(start({ port: server.port })).rejects.toThrow(/cannot serve metrics on 127.0.0.1, port \d+: .*choose/);
});

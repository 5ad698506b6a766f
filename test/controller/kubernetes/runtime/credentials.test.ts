import { once } from 'node:events';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openKubeApi } from '../../../../src/controller/kubernetes/client.ts';
import { configMap, configMaps, silent } from './cluster.ts';

/** An API server of one's own, for the answers that a real one gives only when it is in trouble. */
let answer: (request: IncomingMessage, response: ServerResponse) => void;
let requests: string[] = [];
let folder: string;
const server = createServer((request, response) => {
  requests.push(`${request.method} ${request.headers.authorization ?? '-'}`);
  answer(request, response);
});

beforeEach(async () => {
  requests = [];
  folder = await mkdtemp(join(tmpdir(), 'jobpulse-kubeconfig-'));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterEach(async () => {
  server.closeAllConnections();
  server.close();
  await rm(folder, { recursive: true });
});

async function kubeconfig(user: object, name = 'config'): Promise<string> {
  const { port } = server.address() as { port: number };
  const path = join(folder, name);
  const config = {
    'current-context': 'c',
    clusters: [{ name: 'c', cluster: { server: `http://127.0.0.1:${port}` } }],
    contexts: [{ name: 'c', context: { cluster: 'c', user: 'u', namespace: 'team' } }],
    users: [{ name: 'u', user }],
  };
  await writeFile(path, JSON.stringify(config));
  return path;
}

const key = { namespace: 'n', name: 'a' };
const object = JSON.stringify(configMap('n', 'a'));
const good = (response: ServerResponse) => response.end(object);
const bad = (response: ServerResponse, status: number, headers = {}, body: object = {}) =>
  response.writeHead(status, headers).end(JSON.stringify({ kind: 'Status', ...body }));

async function withApi<Result>(user: object, work: (api: ReturnType<typeof openKubeApi>['api']) => Promise<Result>) {
  const open = openKubeApi({ kubeconfig: await kubeconfig(user), log: silent });
  return work(open.api).finally(open.close);
}

test('429 and 503 are waited for as they say; a create is not done twice unless it surely was not done', () =>
  withApi({}, async (api) => {
    answer = (_, response) => {
      if (requests.length === 1) bad(response, 429, { 'retry-after': '1' });
      else if (requests.length === 2) bad(response, 503);
      else good(response);
    };
    const begun = performance.now();
    expect((await api.get(configMaps, key))?.metadata.name).toBe('a');
    expect(performance.now() - begun).toBeGreaterThan(1_000);
    requests = [];
    answer = (_, response) => bad(response, 503);
    await expect(api.create(configMaps, configMap('n', 'a'))).rejects.toMatchObject({ status: 503 });
    expect(requests).toHaveLength(1);
    requests = [];
    await expect(api.get(configMaps, key)).rejects.toMatchObject({ status: 503 });
    expect(requests).toHaveLength(4);
  }));

test('a wait that is long is left to the caller, and a page of HTML is not quoted', () =>
  withApi({}, async (api) => {
    answer = (_, response) => bad(response, 429, { 'retry-after': '60' });
    await expect(api.get(configMaps, key)).rejects.toMatchObject({ status: 429, retryAfterMs: 60_000 });
    answer = (_, response) => response.writeHead(403).end('<html>a log-in page</html>');
    await expect(api.get(configMaps, key)).rejects.toThrow(/^GET .*: 403 the server gave no reason$/);
  }));

test('a token file is read again when the server refuses its token', async () => {
  await writeFile(join(folder, 'token'), 'old\n');
  await withApi({ tokenFile: 'token' }, async (api) => {
    answer = async (request, response) => {
      if (request.headers.authorization === 'Bearer new') return good(response);
      await writeFile(join(folder, 'token'), 'new\n');
      return bad(response, 401, {}, { message: 'Unauthorized' });
    };
    await api.get(configMaps, key);
    expect(requests).toEqual(['GET Bearer old', 'GET Bearer new']);
  });
});

test('a credential plugin is asked once, and again when it was refused; what it prints is told to nobody', async () => {
  const plugin = join(folder, 'plugin');
  await writeFile(
    plugin,
    `#!/bin/sh
echo "$KUBERNETES_EXEC_INFO" | grep -q ExecCredential || exit 1
echo run >> ${folder}/runs
echo '{"kind":"ExecCredential","status":{"token":"t'$(wc -l < ${folder}/runs | tr -d ' ')'"}}'`,
  );
  await chmod(plugin, 0o755);
  const user = { exec: { apiVersion: 'client.authentication.k8s.io/v1', command: './plugin' } };
  answer = (request, response) =>
    request.headers.authorization === 'Bearer t1' && requests.length > 2 ? bad(response, 401) : good(response);
  await withApi(user, async (api) => {
    await Promise.all([api.get(configMaps, key), api.get(configMaps, key)]);
    await api.get(configMaps, key);
    expect(requests).toEqual([...Array(3).fill('GET Bearer t1'), 'GET Bearer t2']);
  });
  await writeFile(plugin, '#!/bin/sh\necho secret-canary >&2; exit 1');
  const error = await withApi(user, (api) => api.get(configMaps, key)).catch((caught: Error) => caught);
  expect(String(error)).toMatch(/the credential plugin .*plugin of the kubeconfig failed/);
  expect(String(error)).not.toContain('canary');
});

test('a kubeconfig that cannot be used says why, without a line of it', async () => {
  const path = await kubeconfig({ token: 'secret-canary' });
  const opened = (options: { kubeconfig: string; context?: string }) => () => openKubeApi({ ...options, log: silent });
  expect(opened({ kubeconfig: path, context: 'prod' })).toThrow(/has no context "prod"; it has c$/);
  expect(opened({ kubeconfig: join(folder, 'none') })).toThrow(/none cannot be read as a kubeconfig \(ENOENT\)$/);
  await writeFile(path, 'users: [{token: secret-canary\n  bad');
  expect(opened({ kubeconfig: path })).toThrow(/cannot be read as a kubeconfig/);
  expect(opened({ kubeconfig: path })).not.toThrow(/canary/);
  const old = await kubeconfig({ 'auth-provider': { name: 'gcp', config: {} } });
  expect(opened({ kubeconfig: old })).toThrow(/auth-provider, which clusters no longer take; use an exec plugin/);
});

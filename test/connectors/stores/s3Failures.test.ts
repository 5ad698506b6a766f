import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ListMultipartUploadsCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { explained } from '../../../src/connectors/stores/s3/failure.ts';
import { s3Store } from '../../../src/connectors/stores/s3.ts';
import { TerminalError, ThrottledError, TransientError } from '../../../src/run/errors.ts';
import { describeWithGoProgram } from '../../servers/goPrograms.ts';
import { type S3Server, startS3 } from '../../servers/s3.ts';

/** A folder with credentials that may be changed. */
function credentials(from: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'jobpulse-credentials-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  cpSync(from, folder, { recursive: true });
  return folder;
}

const failureOf = (work: Promise<unknown>): Promise<unknown> => work.catch((error: unknown) => error);

describeWithGoProgram('versitygw', 'what goes wrong with a bucket', () => {
  let server: S3Server;
  beforeAll(async () => {
    server = await startS3();
  }, 30_000);
  afterAll(() => server?.stop());
  const credentialsDir = () => server.place.credentialsDir ?? '';

  test('there is none: StoreMissing, by every way of asking', async () => {
    const store = s3Store({ ...server.place, bucket: 'elsewhere' });
    for (const work of [
      () => store.putIfAbsent('a', Buffer.from('x')),
      () => store.get('a'),
      () => store.range('a', 0, 1),
      () => store.delete('a'),
      () => Array.fromAsync(store.list('')),
      async () => store.folders?.(''),
    ]) {
      expect(await failureOf(work())).toMatchObject({
        reason: 'StoreMissing',
        message: expect.stringContaining('no bucket elsewhere'),
      });
    }
  });

  test('wrong credentials: StoreDenied, and no secret in what is told', async () => {
    const folder = credentials(credentialsDir());
    const canary = randomBytes(20).toString('hex');
    writeFileSync(join(folder, 'secret-access-key'), canary);
    const failure = await failureOf(s3Store({ ...server.place, credentialsDir: folder }).get('a'));
    expect(failure).toBeInstanceOf(TerminalError);
    expect(failure).toMatchObject({ reason: 'StoreDenied' });
    expect(String(failure)).not.toContain(canary);
  });

  test('no credentials: SecretMissing names the file', async () => {
    const folder = credentials(credentialsDir());
    rmSync(join(folder, 'secret-access-key'));
    expect(await failureOf(s3Store({ ...server.place, credentialsDir: folder }).get('a'))).toMatchObject({
      reason: 'SecretMissing',
      message: expect.stringContaining(join(folder, 'secret-access-key')),
    });
  });

  test('an upload that failed leaves no parts', async () => {
    const store = s3Store(server.place);
    const files = Array.from({ length: 3 }, () => store.putIfAbsent('race/parts', Buffer.alloc(40_000_000)));
    await Promise.all(files);
    const { Uploads = [] } = await server.client.send(new ListMultipartUploadsCommand({ Bucket: server.place.bucket }));
    expect(Uploads).toEqual([]);
  });

  test('the server is away for a moment: nobody notices; for longer: StoreUnreachable, and then all goes on', async () => {
    const store = s3Store(server.place);
    await store.putIfAbsent('before', Buffer.from('x'));
    await server.kill();
    const failure = await failureOf(store.get('before'));
    expect(failure).toBeInstanceOf(TransientError);
    expect(failure).toMatchObject({ reason: 'StoreUnreachable', message: expect.stringContaining('ECONNREFUSED') });
    const during = store.putIfAbsent('during', Buffer.from('y'));
    await server.restart();
    expect(await during).toBe('created');
    expect(await store.get('before')).toEqual(Buffer.from('x'));
  });
});

describe('servers that are not as they should be', () => {
  /** A store on a server that gives these answers. */
  async function storeOn(answer: RequestListener) {
    const server = createServer(answer).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const folder = mkdtempSync(join(tmpdir(), 'jobpulse-credentials-'));
    for (const name of ['access-key-id', 'secret-access-key']) writeFileSync(join(folder, name), 'made-up');
    onTestFinished(() => {
      server.closeAllConnections();
      server.close();
      rmSync(folder, { recursive: true });
    });
    const { port } = server.address() as AddressInfo;
    const place = { bucket: 'lake', endpoint: `http://127.0.0.1:${port}`, credentialsDir: folder };
    return { store: s3Store(place), credentialsDir: folder };
  }
  const code = (name: string) => `<?xml version="1.0"?><Error><Code>${name}</Code><Message>so it is</Message></Error>`;

  test('one that overwrites is refused before anything is stored', async () => {
    const stored: string[] = [];
    const { store } = await storeOn((request, response) => {
      stored.push(request.url ?? '');
      request.resume().on('end', () => response.writeHead(200, { etag: '"1"' }).end());
    });
    expect(await failureOf(store.putIfAbsent('a', Buffer.from('x')))).toMatchObject({
      reason: 'StoreUnsuitable',
      message: expect.stringContaining('conditional writes'),
    });
    expect(stored.filter((url) => !url.includes('.conditional-put'))).toEqual([]);
  });

  test.each([
    ['SlowDown', 503, ThrottledError],
    ['TooManyRequests', 429, ThrottledError],
    ['InternalError', 500, TransientError],
    ['ExpiredToken', 400, TransientError],
    ['NoSuchUpload', 404, TransientError],
  ])('%s (%i), however often it was asked, spends an attempt only where that may help', (name, status, kind) => {
    const error = Object.assign(new Error('so it is'), { name, $metadata: { httpStatusCode: status } });
    expect(explained(error, { bucket: 'lake' }, 'getting a')).toBeInstanceOf(kind);
  });

  test.each([
    [403, 'AccessDenied', 'StoreDenied'],
    [507, 'XMinioStorageFull', 'StoreFull'],
    [400, 'KeyTooLongError', 'PathInvalid'],
    [301, 'PermanentRedirect', 'StoreUnsuitable'],
    [501, 'NotImplemented', 'StoreUnsuitable'],
  ])('%i %s is %s', async (status, name, reason) => {
    const { store } = await storeOn((request, response) =>
      request.resume().on('end', () => response.writeHead(status).end(code(name))),
    );
    const failure = await failureOf(store.putIfAbsent('a', Buffer.from('x')));
    expect(failure).toBeInstanceOf(TerminalError);
    expect(failure).toMatchObject({ reason });
  });

  test('credentials that were changed are used within minutes', async () => {
    const keys: string[] = [];
    const { store, credentialsDir } = await storeOn((request, response) => {
      keys.push(/Credential=([^/]+)/.exec(request.headers.authorization ?? '')?.[1] ?? '');
      response.end('x');
    });
    await store.get('a');
    writeFileSync(join(credentialsDir, 'access-key-id'), 'next');
    await store.get('a');
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 90_000 });
    onTestFinished(() => void vi.useRealTimers());
    for (let tries = 0; tries < 50 && keys.at(-1) !== 'next'; tries += 1) await store.get('a');
    expect(keys.slice(0, 2)).toEqual(['made-up', 'made-up']);
    expect(keys.at(-1)).toBe('next');
  });

  test('an answer that breaks off is asked for again', async () => {
    let asked = 0;
    const { store } = await storeOn((_, response) => {
      asked += 1;
      response.writeHead(200, { 'content-length': '10' });
      if (asked < 3) response.write('half', () => response.destroy());
      else response.end('0123456789');
    });
    expect(await store.get('a')).toEqual(Buffer.from('0123456789'));
    expect(asked).toBe(3);
  });

  test('writers of one name that meet begin again', async () => {
    let puts = 0;
    const { store } = await storeOn((request, response) => {
      const isProbe = request.url?.includes('.conditional-put') ?? false;
      request.resume().on('end', () => {
        if (isProbe) return response.writeHead(412).end(code('PreconditionFailed'));
        puts += 1;
        return puts < 3
          ? response.writeHead(409).end(code('ConditionalRequestConflict'))
          : response.writeHead(200).end();
      });
    });
    expect(await store.putIfAbsent('a', Buffer.from('x'))).toBe('created');
    expect(puts).toBe(3);
  });
});

import { type IncomingMessage, type RequestOptions, request as startRequest } from 'node:http';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { TerminalError } from '../../run/errors.ts';
import { lockHolder } from './lock.ts';
import { type Hello, type OwnerLine, ownerSocket } from './owner.ts';

/** The owner ended before it gave a result: ask whoever owns the data directory next. */
export class OwnerLostError extends Error {
  override readonly name = 'OwnerLostError';
}

/** The process that owns a data directory, seen from another one. */
export interface OwnerClient {
  readonly hello: Hello;
  /**
   * Has the owner do something and passes on what it reports. Throws what the owner's work threw, or an
   * OwnerLostError. An abort hangs up, and the owner aborts the work.
   */
  submit<Request, Event, Result>(
    request: Request,
    onEvent: (event: Event) => void,
    signal: AbortSignal,
  ): Promise<Result>;
}

const helloTimeoutMs = 3_000;
/** The owner sends an empty line every five seconds. */
const silenceMs = 30_000;

/** Nobody listens, or it just stopped to. */
const nobodyCodes: ReadonlySet<string | undefined> = new Set([
  'ENOENT',
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'EAGAIN',
]);

/** The owner of a data directory, or `undefined` when nobody listens; an owner that does not answer is an error. */
export async function connectOwner(dataDir: string): Promise<OwnerClient | undefined> {
  const socketPath = ownerSocket(dataDir);
  try {
    const response = await call({ socketPath, path: '/hello', signal: AbortSignal.timeout(helloTimeoutMs) });
    const hello = JSON.parse(Buffer.concat(await response.toArray()).toString('utf8')) as Hello;
    return {
      hello,
      submit: (request, onEvent, signal) => submit(dataDir, { socketPath, signal }, request, onEvent),
    };
  } catch (error) {
    if (isNobody(error)) return undefined;
    if (error instanceof Error && error.name === 'TimeoutError') throw unresponsive(dataDir);
    throw error;
  }
}

/** Waits until an owner has ended, however long it works. */
export async function untilGone(dataDir: string, { startedAt, pid }: Hello, signal: AbortSignal): Promise<void> {
  for (;;) {
    const client = await connectOwner(dataDir);
    if (client?.hello.startedAt !== startedAt || client.hello.pid !== pid) return;
    await sleep(250, undefined, { signal }).catch(() => undefined);
    signal.throwIfAborted();
  }
}

/** Sends a request; settles with the answer's head. */
const call = (options: RequestOptions, body?: string): Promise<IncomingMessage> =>
  new Promise((resolve, reject) => {
    startRequest({ ...options, agent: false }, resolve)
      .on('error', (error) => reject(options.signal?.aborted ? options.signal.reason : error))
      .end(body);
  });

async function submit<Request, Event, Result>(
  dataDir: string,
  { socketPath, signal }: { readonly socketPath: string; readonly signal: AbortSignal },
  request: Request,
  onEvent: (event: Event) => void,
): Promise<Result> {
  const silence = new AbortController();
  const hangUp = AbortSignal.any([signal, silence.signal]);
  const timer = setTimeout(() => silence.abort(unresponsive(dataDir)), silenceMs);
  try {
    const options = { socketPath, path: '/requests', method: 'POST', signal: hangUp };
    const response = await call(options, JSON.stringify(request));
    response.on('data', () => timer.refresh());
    if (response.statusCode !== 200) throw new OwnerLostError('the owner takes no more work');
    for await (const line of createInterface({ input: response })) {
      if (line === '') continue;
      const content = JSON.parse(line) as OwnerLine;
      if ('result' in content) return content.result as Result;
      if ('error' in content) throw revive(content.error);
      onEvent(content.event as Event);
    }
    throw new OwnerLostError('the owner ended before the run did');
  } catch (error) {
    if (hangUp.aborted) throw hangUp.reason;
    throw isNobody(error) ? new OwnerLostError('the owner ended before the run did') : error;
  } finally {
    clearTimeout(timer);
  }
}

const revive = ({ reason, message }: { readonly reason?: string; readonly message: string }): Error =>
  reason === undefined ? new Error(message) : new TerminalError(reason, message);

const isNobody = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && nobodyCodes.has(error.code as string);

/** Whoever holds the lock does not do its part. */
export function unresponsive(dataDir: string): TerminalError {
  const pid = lockHolder(dataDir);
  return new TerminalError(
    'OwnerUnresponsive',
    `${pid === undefined ? 'a process' : `process ${pid}`} holds ${dataDir} but does not answer; ` +
      `stop it${pid === undefined ? '' : ` with \`kill -9 ${pid}\``} (nothing is lost by that) or use another --data-dir`,
  );
}

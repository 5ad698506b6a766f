import { chmodSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { TerminalError } from '../../run/errors.ts';
import { socketPath } from './folders.ts';

/** Version of what is said over the socket. */
export const ownerProtocol = 4;

/** The answer to `GET /hello`. */
export interface Hello {
  readonly version: string;
  readonly protocol: number;
  readonly pid: number;
  readonly startedAt: string;
  /** The owner takes no more work and ends as soon as what it has is done. */
  readonly closing: boolean;
  /** The owner does not end when its work is done. */
  readonly lasting: boolean;
}

/** One line of the answer to `POST /requests`; the last one is a result or an error. Empty lines say that the owner lives. */
export type OwnerLine =
  | { readonly event: unknown }
  | { readonly result: unknown }
  | { readonly error: { readonly reason?: string; readonly message: string } };

export interface OwnerOptions<Request, Event, Result> {
  readonly version: string;
  /** See `Hello`. Default: it ends with its work. */
  readonly lasting?: boolean;
  /** Does what another command asks for. `signal` aborts when that command is gone or the owner closes. */
  readonly submit: (request: Request, emit: (event: Event) => void, signal: AbortSignal) => Promise<Result>;
}

/** The owner's ear for other commands. */
export interface OwnerServer {
  /** Takes no more work; settles when all that was taken has been answered. */
  drain(): Promise<void>;
  /** Takes no more work and aborts what is under way. Whoever asks from then on hears that the owner is closing. */
  hangUp(): Promise<void>;
  /** Hangs up and leaves the socket. Call it right before the lock is released: who is not heard is taken for dead. */
  close(): Promise<void>;
}

const beatMs = 5_000;
const largestRequest = 4 * 1024 * 1024;
/** Events that a slow reader has not taken yet; beyond this, further ones are dropped. */
const largestBacklog = 1024 * 1024;

export const ownerSocket = (dataDir: string): string => socketPath(dataDir, 'owner.sock');

/**
 * Listens on the data directory's socket; only for the holder of its lock. Call it right after taking the lock,
 * before slower preparations: other commands wait for an answer.
 */
export async function serveOwner<Request, Event, Result>(
  dataDir: string,
  options: OwnerOptions<Request, Event, Result>,
): Promise<OwnerServer> {
  const startedAt = new Date().toISOString();
  const underWay = new Map<Promise<void>, AbortController>();
  let closing = false;
  const hello = (): Hello => ({
    ...{ version: options.version, protocol: ownerProtocol, pid: process.pid },
    ...{ startedAt, closing, lasting: options.lasting ?? false },
  });
  const server = createServer((request, response) => {
    const call = `${request.method} ${request.url}`;
    if (call === 'GET /hello') return respond(response, 200, hello());
    if (call !== 'POST /requests') return respond(response, 404, { error: { message: `${call} is not known here` } });
    if (closing) return respond(response, 503, { error: { message: 'the owner is closing' } });
    const abort = new AbortController();
    response.once('close', () => abort.abort(new Error('the command that asked for this is gone')));
    const work = answer(request, response, options.submit, abort.signal).finally(() => underWay.delete(work));
    underWay.set(work, abort);
  });
  await listen(server, ownerSocket(dataDir));
  const drain = async () => {
    closing = true;
    await Promise.all(underWay.keys());
  };
  const hangUp = async () => {
    for (const abort of underWay.values()) abort.abort(new Error('the owner is closing'));
    await drain();
  };
  return {
    drain,
    hangUp,
    close: async () => {
      await hangUp();
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}

async function listen(server: Server, socket: string): Promise<void> {
  rmSync(socket, { force: true }); // we hold the lock: nobody listens there any more
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(socket, resolve);
  });
  chmodSync(socket, 0o600);
}

function respond(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

/** Never rejects: what goes wrong in the work is the last line of the answer. */
async function answer<Request, Event, Result>(
  request: IncomingMessage,
  response: ServerResponse,
  submit: OwnerOptions<Request, Event, Result>['submit'],
  signal: AbortSignal,
): Promise<void> {
  response.writeHead(200, { 'content-type': 'application/x-ndjson' });
  response.flushHeaders();
  const beat = setInterval(() => response.write('\n'), beatMs);
  const line = (content: OwnerLine) => `${JSON.stringify(content)}\n`;
  const emit = (event: Event) => {
    if (response.writable && response.writableLength < largestBacklog) response.write(line({ event }));
  };
  try {
    const result = await submit((await readJson(request)) as Request, emit, signal);
    response.end(line({ result: result ?? null }));
  } catch (error) {
    // Work that was aborted has no result: hang up, and whoever still waits asks the next owner.
    if (signal.aborted) response.destroy();
    else response.end(line({ error: describe(error) }));
  } finally {
    clearInterval(beat);
  }
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > largestRequest)
      throw new TerminalError('RequestTooLarge', `a request may have ${largestRequest} bytes`);
    chunks.push(chunk);
  }
  return JSON.parse(Buffer.concat(chunks).toString('utf8'));
}

const describe = (error: unknown): { reason?: string; message: string } => ({
  ...(error instanceof TerminalError && { reason: error.reason }),
  message: error instanceof Error ? error.message : String(error),
});

import { setTimeout as sleep } from 'node:timers/promises';
import { TerminalError } from '../../run/errors.ts';
import { type Lock, tryLock } from './lock.ts';
import { ownerProtocol } from './owner.ts';
import { connectOwner, type OwnerClient, OwnerLostError, unresponsive } from './owner-client.ts';

export interface OwnershipOptions {
  /** Of this program; an owner of another version is not used. */
  readonly version: string;
  readonly signal: AbortSignal;
}

/** A process either owns a data directory or talks to the one that does. */
export type Ownership =
  | { readonly role: 'owner'; readonly lock: Lock }
  | { readonly role: 'client'; readonly client: OwnerClient };

/** How long an owner may take to start listening, or to let go of the lock after it stopped to. */
const patienceMs = 15_000;
/** How many owners may end under the hands of one command. */
const mostOwners = 100;

/** Becomes the owner of a data directory, or finds the one there is. One that starts or ends just now is waited for. */
export async function becomeOwnerOrConnect(dataDir: string, options: OwnershipOptions): Promise<Ownership> {
  let deadline = performance.now() + patienceMs;
  for (;;) {
    options.signal.throwIfAborted();
    const lock = tryLock(dataDir);
    if (lock) return { role: 'owner', lock };
    const client = await connectOwner(dataDir);
    if (client && !client.hello.closing) {
      checkVersion(dataDir, client, options.version);
      return { role: 'client', client };
    }
    // One that is closing ends the work it has taken first; as long as it answers, it is alive.
    if (client) deadline = performance.now() + patienceMs;
    if (performance.now() > deadline) throw unresponsive(dataDir);
    await sleep(10 + Math.random() * 90, undefined, { signal: options.signal }).catch(() => undefined);
  }
}

/** Refuses an owner of another version of this program. */
export function checkVersion(dataDir: string, { hello }: OwnerClient, version: string): void {
  if (hello.version === version && hello.protocol === ownerProtocol) return;
  throw new TerminalError(
    'OwnerVersionDiffers',
    `process ${hello.pid} holds ${dataDir} with jobpulse ${hello.version}, and this is jobpulse ${version}; ` +
      `wait for it to end, stop it with \`kill ${hello.pid}\`, or use another --data-dir`,
  );
}

/**
 * Does something as the owner of a data directory, or has its owner do it. When the owner ends before it gave
 * a result, the next one is asked: what is asked for must be named, so that asking twice is harmless.
 */
export async function asOwnerOrClient<Result>(
  dataDir: string,
  options: OwnershipOptions,
  work: {
    /** The lock is released when this settles. */
    readonly owner: () => Promise<Result>;
    readonly client: (client: OwnerClient) => Promise<Result>;
  },
): Promise<Result> {
  for (let owners = 1; ; owners++) {
    const ownership = await becomeOwnerOrConnect(dataDir, options);
    try {
      return await (ownership.role === 'owner' ? work.owner() : work.client(ownership.client));
    } catch (error) {
      if (!(error instanceof OwnerLostError) || owners >= mostOwners) throw error;
    } finally {
      if (ownership.role === 'owner') ownership.lock.release();
    }
  }
}

import { FlowProducer } from 'bullmq';
import type { Redis } from 'ioredis';
import { TerminalError, TransientError } from '../run/errors.ts';
import { prefixOf, redisKeys } from './names.ts';

/** KEYS: epoch. ARGV: ours. Writes ours over a smaller one, or none, and returns the one that counts. */
const claimScript = `
local known = tonumber(redis.call('GET', KEYS[1]))
if known and known >= tonumber(ARGV[1]) then return known end
redis.call('SET', KEYS[1], ARGV[1])
return tonumber(ARGV[1])`;

/** The epoch of the controller that leads a namespace; `undefined` when Redis was wiped or is new. */
export async function readEpoch(redis: Redis, namespace: string): Promise<number | undefined> {
  const known = await redis.get(redisKeys.epoch(namespace));
  return known === null ? undefined : Number(known);
}

/**
 * Makes this controller the one that may write; after a wipe an earlier one may, until this one writes again. Refused, with
 * `StaleLeader`, when a later one has claimed.
 */
export async function claimEpoch(redis: Redis, namespace: string, epoch: number): Promise<void> {
  refuseStale(namespace, epoch, Number(await redis.eval(claimScript, 1, redisKeys.epoch(namespace), epoch)));
}

function refuseStale(namespace: string, epoch: number, known: number | undefined): void {
  if (known === undefined || known <= epoch) return;
  throw new TerminalError(
    'StaleLeader',
    `another controller leads namespace ${namespace} (epoch ${known}); this one (epoch ${epoch}) writes nothing any more`,
  );
}

/** Lets one controller of a namespace write jobs: the one with the greatest epoch. */
export interface Fence {
  /** Adds flows, all of what `work` adds in one call or, when a later controller has claimed its epoch, nothing. */
  add(work: (flows: FlowProducer) => Promise<void>): Promise<void>;
  /** Refuses a stale controller what needs no transaction: removing, which the next plan makes good. */
  check(): Promise<void>;
  close(): Promise<void>;
}

/** A wipe may come between claim and transaction; it does not come this often. */
const mostAttempts = 5;

const ignore = (): void => undefined;

/**
 * A fence over a connection of its own: `WATCH` belongs to a connection, so one flow is added at a time, and a
 * connection that broke is never taken up again, for a transaction would go on without what it watched. It is open only
 * while flows are added: namespaces may be many, and waves are rare.
 */
export function openFence(redis: Redis, namespace: string, epoch: () => number): Fence {
  const key = redisKeys.epoch(namespace);
  let writer: Writer | undefined;
  let turn: Promise<unknown> = Promise.resolve();
  let waiting = 0;

  const ready = async (): Promise<Writer> => {
    if (writer?.connection.status === 'ready') return writer;
    await close(writer);
    writer = await openWriter(redis, namespace);
    return writer;
  };
  const attempt = async (work: (flows: FlowProducer) => Promise<void>): Promise<boolean> => {
    const { connection, flows } = await ready();
    await claimEpoch(connection, namespace, epoch());
    await connection.watch(key);
    try {
      if ((await readEpoch(connection, namespace)) !== epoch()) return false;
      await work(flows);
      return true;
    } catch (error) {
      // BullMQ does not expect that its transaction is called off and stumbles over the empty answer.
      if (error instanceof TypeError) return false;
      throw error;
    } finally {
      await connection.unwatch().catch(ignore);
    }
  };
  const add = async (work: (flows: FlowProducer) => Promise<void>): Promise<void> => {
    for (let attempts = 0; attempts < mostAttempts; attempts += 1) if (await attempt(work)) return;
    throw new TransientError(`the epoch of namespace ${namespace} in Redis does not stay; it will be tried again`);
  };
  const rest = async (): Promise<void> => {
    waiting -= 1;
    if (waiting > 0) return;
    const idle = writer;
    writer = undefined;
    await close(idle);
  };
  return {
    add: (work) => {
      waiting += 1;
      const added = turn.then(() => add(work));
      turn = added.catch(ignore).then(rest).catch(ignore);
      return added;
    },
    check: async () => refuseStale(namespace, epoch(), await readEpoch(redis, namespace)),
    close: async () => {
      await turn;
    },
  };
}

interface Writer {
  readonly connection: Redis;
  readonly flows: FlowProducer;
}

async function openWriter(redis: Redis, namespace: string): Promise<Writer> {
  const connection = redis.duplicate({ lazyConnect: true, retryStrategy: () => null });
  connection.on('error', ignore); // whoever writes is told
  try {
    await connection.connect();
  } catch (error) {
    throw new TransientError(`Redis is away: ${(error as Error).message}`, 'RedisUnreachable');
  }
  const flows = new FlowProducer({ connection, prefix: prefixOf(namespace) });
  flows.on('error', ignore);
  await flows.waitUntilReady();
  return { connection, flows };
}

async function close(writer: Writer | undefined): Promise<void> {
  await writer?.flows.close();
  writer?.connection.disconnect();
}

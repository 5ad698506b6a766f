import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import type { Logger } from 'pino';
import type { PipelineRun } from '../../api/index.ts';
import { listen, type WorkEvent } from '../../queue/events.ts';
import { redisKeys } from '../../queue/names.ts';
import { TerminalError } from '../../run/errors.ts';
import { hasEnded, isSettled, reconcileRun } from '../runs.ts';
import type { World } from '../world.ts';
import { type Trouble, watchTrouble } from './trouble.ts';

/** Redis or a disk may fail this long before those who wait for a run are told; the runs go on when it is mended. */
const patienceMs = 30_000;

export interface Loop {
  /** Settles with the run when it has ended; rejects when the loop is stopped or given up before that. */
  follow(run: string, watch: (event: WorkEvent) => void): Promise<PipelineRun>;
  /** Nobody who waits will get what they wait for: tells them why. */
  giveUp(error: Error): void;
  stop(): Promise<void>;
}

interface Follower {
  readonly watch: (event: WorkEvent) => void;
  readonly resolve: (run: PipelineRun) => void;
  readonly reject: (error: Error) => void;
}

export interface LoopInput {
  readonly world: World;
  readonly runs: () => Promise<readonly PipelineRun[]>;
  /** A connection of the loop's own: it blocks on the event stream. */
  readonly redis: Redis;
  /** Told of every event when what follows from it is in the queues, and once a second when there is none. */
  readonly observe: (event: WorkEvent | undefined) => void;
  readonly log: Logger;
}

/** Reconciles unfinished runs whenever a worker says that something happened, and at least once a second. */
export function startLoop({ world, runs, redis, observe, log }: LoopInput): Loop {
  const stopping = new AbortController();
  const followers = new Map<string, Set<Follower>>();
  let turn: Promise<void> = Promise.resolve();

  const giveUp = (error: Error): void => {
    for (const follower of [...followers.values()].flatMap((group) => [...group])) follower.reject(error);
    followers.clear();
  };
  const watchOptions = { log, patienceMs, giveUp, ended: stopping.signal };
  const trouble = watchTrouble(watchOptions);

  /** One pass at a time; what fails is tried again by the next. */
  const reconcile = (): Promise<void> => {
    turn = turn.then(() => pass({ world, runs }, followers)).then(trouble, trouble);
    return turn;
  };
  const watching = watchEvents(stopping.signal, { world, redis, followers, observe, reconcile }).catch(
    // Stopped before the connection was up: nothing was waiting for events yet.
    (error: unknown) => {
      if (!stopping.signal.aborted) throw error;
    },
  );
  void watchRedis(redis, world.namespace, stopping.signal, watchTrouble(watchOptions));

  return {
    follow(run, watch) {
      return new Promise((resolve, reject) => {
        const group = followers.get(run) ?? new Set();
        followers.set(run, group.add({ watch, resolve, reject }));
        void reconcile();
      });
    },
    giveUp,
    async stop() {
      stopping.abort();
      giveUp(new Error('the controller is stopping'));
      redis.disconnect();
      // A pass may wait for a Redis that is away.
      await Promise.race([watching.then(() => turn), sleep(1000, undefined, { ref: false })]);
    },
  };
}

/** A run that fails to move on does not hold back the others; the first failure is returned. */
async function pass(
  { world, runs }: Pick<LoopInput, 'world' | 'runs'>,
  followers: Map<string, Set<Follower>>,
): Promise<unknown> {
  const open = (await runs()).filter((run) => !isSettled(run));
  let failure: unknown;
  for (const { metadata } of open) {
    await reconcileRun(world, metadata.name).catch((error: unknown) => {
      failure ??= error;
    });
  }
  for (const [name, group] of followers) {
    const run = await world.run(name);
    if (run && !hasEnded(run)) continue;
    followers.delete(name);
    for (const { resolve, reject } of group) {
      if (run) resolve(run);
      else reject(new Error(`there is no run ${name}`));
    }
  }
  return failure;
}

async function watchEvents(
  signal: AbortSignal,
  {
    world,
    redis,
    followers,
    observe,
    reconcile,
  }: Pick<LoopInput, 'world' | 'redis' | 'observe'> & {
    readonly followers: ReadonlyMap<string, ReadonlySet<Follower>>;
    readonly reconcile: () => Promise<void>;
  },
): Promise<void> {
  for await (const event of listen(redis, world.namespace, signal)) {
    for (const { watch } of (event && followers.get(event.run)) ?? []) if (event) watch(event);
    if (!event || event.type === 'planned') await reconcile();
    observe(event);
  }
}

/** Asks once a second whether Redis is there and takes what it is given: full, it would do nothing and say nothing. */
async function watchRedis(redis: Redis, namespace: string, signal: AbortSignal, trouble: Trouble): Promise<void> {
  const { path, host, port } = redis.options;
  const away = new TerminalError(
    'RedisUnreachable',
    `Redis at ${path ?? `${host}:${port}`} is away; nothing is lost: start it and run the same command again`,
  );
  const fine = () => trouble(undefined);
  for (;;) {
    await sleep(1000, undefined, { signal }).catch(() => undefined);
    if (signal.aborted) return;
    if (redis.status === 'ready') redis.set(redisKeys.probe(namespace), '', 'PX', 10_000).then(fine, trouble);
    else trouble(away);
  }
}

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { startWorkQueue } from '../../../../src/controller/kubernetes/workQueue.ts';
import { type FakeClock, fakeClock, settle } from './fakeClock.ts';

/** A queue whose work is done when the test says so; `log` tells when what was begun. */
function bench({ concurrency = 2, clock = fakeClock() }: { concurrency?: number; clock?: FakeClock } = {}) {
  const begun: { readonly key: string; readonly at: number }[] = [];
  const ends = new Map<string, { resolve: () => void; reject: (error: Error) => void }>();
  const results: (readonly [string, unknown])[] = [];
  const start = clock.now();
  const queue = startWorkQueue(
    (key) => {
      begun.push({ key, at: clock.now() - start });
      return new Promise((resolve, reject) => ends.set(key, { resolve, reject }));
    },
    { concurrency, clock, random: () => 0, onResult: (key, _, error) => results.push([key, error]) },
  );
  const end = async (key: string, error?: Error) => {
    const turn = ends.get(key);
    if (error) turn?.reject(error);
    else turn?.resolve();
    await settle();
  };
  return { queue, clock, begun, results, end, keys: () => begun.map(({ key }) => key) };
}

describe('order and number', () => {
  test('a key waits once, however often it is added, and first come is first served', () => {
    const { queue, keys } = bench({ concurrency: 1 });
    for (const key of ['a', 'b', 'c', 'b', 'b', 'c']) queue.add(key);
    expect(keys()).toEqual(['a']);
    expect(queue.size()).toEqual({ waiting: 2, delayed: 0, active: 1 });
  });

  test('no more at the same time than allowed', async () => {
    const { queue, keys, end } = bench({ concurrency: 2 });
    for (const key of ['a', 'b', 'c']) queue.add(key);
    expect(keys()).toEqual(['a', 'b']);
    await end('b');
    expect(keys()).toEqual(['a', 'b', 'c']);
  });

  test('added while it is under way, it is done once more afterwards, never at the same time', async () => {
    const { queue, keys, end } = bench();
    queue.add('a');
    queue.add('a');
    queue.add('a');
    expect(keys()).toEqual(['a']);
    await end('a');
    expect(keys()).toEqual(['a', 'a']);
    await end('a');
    expect(keys()).toEqual(['a', 'a']);
    expect(queue.size()).toEqual({ waiting: 0, delayed: 0, active: 0 });
  });
});

describe('failures', () => {
  test('are tried again, each time later, up to a minute; success forgets them', async () => {
    const { queue, clock, begun, end } = bench();
    const start = clock.now();
    queue.add('a');
    const fail = async () => {
      const failed = clock.now() - start;
      await end('a', new Error('no'));
      await clock.pass(61_000);
      return (begun.at(-1)?.at ?? 0) - failed;
    };
    const waits = [];
    while (waits.length < 12) waits.push(await fail());
    expect(waits).toEqual([100, 200, 400, 800, 1_600, 3_200, 6_400, 12_800, 25_600, 51_200, 60_000, 60_000]);
    await end('a');
    queue.add('a');
    expect(await fail()).toBe(100);
  });

  test('a key that was added again while it failed waits like any that failed', async () => {
    const { queue, keys, clock, end } = bench();
    queue.add('a');
    queue.add('a');
    await end('a', new Error('no'));
    expect(keys()).toEqual(['a']);
    await clock.pass(100);
    expect(keys()).toEqual(['a', 'a']);
  });

  test('a failed key that is added is done at once', async () => {
    const { queue, keys, end } = bench();
    queue.add('a');
    await end('a', new Error('no'));
    queue.add('a');
    expect(keys()).toEqual(['a', 'a']);
  });

  test('are told, also when nothing was thrown', async () => {
    const { queue, results, end } = bench();
    queue.add('a');
    await end('a', new Error('no'));
    queue.add('b');
    await end('b');
    expect(results).toEqual([
      ['a', new Error('no')],
      ['b', undefined],
    ]);
  });
});

describe('delays', () => {
  test('the earliest time counts, with one timer for all', async () => {
    const { queue, clock, begun } = bench({ concurrency: 100 });
    for (let key = 0; key < 50; key += 1) queue.addAfter(`k${key}`, 1_000 + key);
    queue.addAfter('k7', 10);
    queue.addAfter('k8', 5_000);
    expect(clock.timers()).toBe(1);
    await clock.pass(1_008);
    expect(begun.find(({ key }) => key === 'k7')?.at).toBe(10);
    expect(begun.find(({ key }) => key === 'k8')?.at).toBe(1_008);
    expect(queue.size()).toEqual({ waiting: 0, delayed: 41, active: 9 });
    await clock.pass(60_000);
    expect(begun).toHaveLength(50);
    expect(clock.timers()).toBe(0);
  });
});

describe('stopping', () => {
  test('waits for what is under way and begins nothing more', async () => {
    const { queue, keys, clock, end } = bench({ concurrency: 1 });
    queue.add('a');
    queue.add('b');
    queue.addAfter('c', 10);
    let stopped = false;
    const stopping = queue.stop().then(() => {
      stopped = true;
    });
    queue.add('d');
    await clock.pass(100);
    expect(stopped).toBe(false);
    await end('a', new Error('aborted'));
    await stopping;
    expect(keys()).toEqual(['a']);
    expect(queue.size()).toEqual({ waiting: 0, delayed: 0, active: 0 });
    expect(clock.timers()).toBe(0);
  });
});

test('whatever is added, fails and ends: one at a time per key, no add is lost, nothing is left', async () => {
  const step = fc.oneof(
    fc.record({ add: fc.integer({ min: 0, max: 4 }) }),
    fc.record({ addAfter: fc.integer({ min: 0, max: 4 }), ms: fc.integer({ min: 0, max: 500 }) }),
    fc.record({ pass: fc.integer({ min: 0, max: 300 }) }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), fc.integer({ min: 1, max: 3 }), async (steps, concurrency) => {
      const clock = fakeClock();
      const running = new Set<string>();
      const missed = new Set<string>();
      const broken: string[] = [];
      let calls = 0;
      const work = async (key: string) => {
        if (running.has(key) || running.size >= concurrency) broken.push(key);
        missed.delete(key);
        running.add(key);
        calls += 1;
        const fails = calls % 5 === 0;
        await new Promise<void>((resolve) => clock.after(20, resolve));
        running.delete(key);
        if (fails) throw new Error('every fifth fails');
      };
      const queue = startWorkQueue(work, { concurrency, clock });
      for (const each of steps) {
        if ('add' in each) {
          missed.add(`k${each.add}`);
          queue.add(`k${each.add}`);
        } else if ('addAfter' in each) {
          missed.add(`k${each.addAfter}`);
          queue.addAfter(`k${each.addAfter}`, each.ms);
        } else await clock.pass(each.pass);
      }
      await clock.pass(600_000);
      expect([...missed, ...broken]).toEqual([]);
      expect(queue.size()).toEqual({ waiting: 0, delayed: 0, active: 0 });
      expect(clock.timers()).toBe(0);
    }),
  );
});

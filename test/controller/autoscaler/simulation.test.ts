import { describe, expect, test } from 'vitest';
import { openAutoscaler, type ScalingPolicy } from '../../../src/controller/autoscaler/autoscaler.ts';
import { pace } from '../../../src/controller/kubernetes/scaling.ts';

/** A pool in a made-up world, second by second: steps come, workers start, work, and go when they are idle. */
interface World {
  readonly seconds: number;
  /** Steps that come in this second. */
  readonly arrivals: (second: number) => number;
  readonly stepSeconds: number;
  /** Steps that the source lets begin in a second; those that wait for it hold their places. */
  readonly rate?: number;
  readonly policy?: Partial<ScalingPolicy>;
}

interface Outcome {
  readonly replicas: readonly number[];
  /** How often the number of workers turned from growing to shrinking, or back. */
  readonly turns: number;
  readonly most: number;
  readonly done: number;
  /** The second in which all was done. */
  readonly doneAt: number;
  /** Workers that were taken away with a step under way. */
  readonly killed: number;
}

const tick = 0.5;
/** From the decision to a worker that takes steps. */
const startSeconds = 2;
const usual: ScalingPolicy = { ...pace, min: 0, max: 8, concurrency: 4 };

interface Worker {
  readonly readyAt: number;
  /** Each with when it was taken, and what it still needs of its source's time and its own. */
  readonly steps: { readonly takenAt: number; began: boolean; left: number }[];
}

function simulate({ seconds, arrivals, stepSeconds, rate = Infinity, policy }: World): Outcome {
  const all = { ...usual, ...policy };
  const autoscaler = openAutoscaler(all);
  const replicas: number[] = [];
  let workers: Worker[] = [];
  let waiting = 0;
  let turnsLeft = 0;
  let killed = 0;
  let done = 0;
  let doneAt = 0;
  for (let now = 0; now < seconds; now += tick) {
    if (Number.isInteger(now)) waiting += arrivals(now);
    turnsLeft = Math.min(turnsLeft + rate * tick, Math.max(rate, 1));
    for (const worker of workers.filter(({ readyAt }) => readyAt <= now)) {
      for (; waiting > 0 && worker.steps.length < all.concurrency; waiting--) {
        worker.steps.push({ takenAt: now, began: false, left: stepSeconds });
      }
    }
    for (const step of workers.flatMap((worker) => worker.steps).toSorted((a, b) => a.takenAt - b.takenAt)) {
      if (!step.began && turnsLeft >= 1) {
        step.began = true;
        turnsLeft -= 1;
      }
      if (step.began) step.left -= tick;
      if (step.left > 0) continue;
      autoscaler.stepTook(now + tick - step.takenAt);
      done += 1;
      doneAt = now;
    }
    workers = workers.map((worker) => ({ ...worker, steps: worker.steps.filter(({ left }) => left > 0) }));
    const busy = workers.filter(({ steps }) => steps.length > 0);
    const active = busy.reduce((sum, { steps }) => sum + steps.length, 0);
    const names = busy.map((_, index) => `worker-${index}`);
    const load = { waiting, prioritized: 0, active, due: 0, busy: names };
    const seen = { load, current: workers.length, now: now * 1000, paused: false, downstreamFull: false };
    const { replicas: wanted } = autoscaler.decide(seen);
    // Idle workers go first.
    workers = [...busy, ...workers.filter(({ steps }) => steps.length === 0)];
    killed += workers.slice(wanted).filter(({ steps }) => steps.length > 0).length;
    workers = workers.slice(0, wanted);
    while (workers.length < wanted) workers.push({ readyAt: now + startSeconds, steps: [] });
    replicas.push(wanted);
  }
  return { replicas, turns: turnsOf(replicas), most: Math.max(...replicas), done, doneAt, killed };
}

function turnsOf(replicas: readonly number[]): number {
  const moves = replicas
    .map((each, index) => Math.sign(each - (replicas[index - 1] ?? 0)))
    .filter((move) => move !== 0);
  return moves.filter((move, index) => index > 0 && move !== moves[index - 1]).length;
}

/** So many at the beginning of every period. */
const bursts = (count: number, everySeconds: number) => (second: number) => (second % everySeconds === 0 ? count : 0);
const once = (count: number) => (second: number) => (second === 0 ? count : 0);

describe('a pool over time', () => {
  test('takes a flood as one hill: up, and down to nothing', () => {
    const flood = simulate({ seconds: 300, arrivals: once(3000), stepSeconds: 0.5 });
    expect(flood).toMatchObject({ turns: 1, most: 8, done: 3000, killed: 0 });
    // The last worker goes after the cooldown, and not a stabilisation window later.
    const gone = flood.replicas.findIndex((replicas, index) => index / 2 > flood.doneAt && replicas === 0) / 2;
    expect(gone - flood.doneAt).toBeCloseTo(pace.cooldownSeconds, -1);
  });

  test('keeps its size through spikes that come again within the stabilisation window', () => {
    const spikes = simulate({ seconds: 900, arrivals: bursts(200, 20), stepSeconds: 0.5 });
    expect(spikes).toMatchObject({ done: 9000, killed: 0 });
    // It begins with more, because it does not know yet how short the steps are.
    expect(spikes.turns).toBeLessThanOrEqual(1);
    expect(new Set(spikes.replicas.slice(120)).size).toBe(1);
  });

  test('grows and shrinks once for each spike that comes much later', () => {
    const spikes = simulate({ seconds: 1200, arrivals: bursts(400, 240), stepSeconds: 0.5 });
    expect(spikes).toMatchObject({ turns: 2 * 5 - 1, done: 2000, killed: 0 });
  });

  test('has as many workers as slow steps keep busy, and takes none of them away', () => {
    const slow = simulate({ seconds: 3000, arrivals: once(100), stepSeconds: 120 });
    expect(slow).toMatchObject({ turns: 1, most: 8, done: 100, killed: 0 });
    // 8 workers with 4 places each: four rounds, the last of which is one worker's.
    expect(slow.doneAt).toBeLessThan(4 * 120 + 10);
  });

  test('finds a size for steps that come steadily, and stays near it', () => {
    const steady = simulate({ seconds: 3600, arrivals: bursts(1, 5), stepSeconds: 60 });
    // 0.2 steps a second of 60 s each: 12 are under way at any time, on 3 workers that are full.
    expect(steady.killed).toBe(0);
    expect(steady.turns).toBeLessThanOrEqual(2);
    expect(new Set(steady.replicas.slice(600)).size).toBeLessThanOrEqual(2);
    expect(Math.min(...steady.replicas.slice(600))).toBeGreaterThanOrEqual(3);
    expect(steady.most).toBeLessThanOrEqual(5);
  });

  test('does not grow to wait for a source that gives five turns a second', () => {
    const limited = { seconds: 900, arrivals: once(2000), stepSeconds: 0.5, rate: 5 };
    const known = simulate({ ...limited, policy: { startsPerSecond: 5 } });
    expect(known).toMatchObject({ turns: 1, done: 2000, killed: 0 });
    // One that does not know the rate takes the waiting for work, and is no sooner done for it.
    const blind = simulate(limited);
    expect(blind.most).toBe(8);
    expect(known.most).toBeLessThanOrEqual(2);
    expect(known.doneAt).toBeLessThan(blind.doneAt + 10);
  });
});

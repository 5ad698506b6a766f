import { randomUUID } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startProxy } from '../controller/kubernetes/runtime/proxy.ts';
import { describeWithKubernetes } from '../servers/kubernetes/binaries.ts';
import { until } from './cluster.ts';
import { gaugesOf } from './gauges.ts';
import { type Rivals, startRivals } from './rivals.ts';
import { countsOf, isEnd, type Storm, seedOr, startStorm } from './storm.ts';

const seed = seedOr(42);
const flushes = Number(process.env.CHAOS_FLUSHES ?? 20);
const leaseSeconds = 3;
/** Shorter than usual: the test waits for it. */
const watchSeconds = 8;

describeWithKubernetes('services that go away', () => {
  let storm: Storm;
  let rivals: Rivals;
  let undisturbed: { readonly counts: ReturnType<typeof countsOf>; readonly table: string };
  beforeAll(async () => {
    storm = await startStorm({ seed });
    rivals = await startRivals(storm.cluster, 2, leaseSeconds);
    await storm.pipeline('calm');
    const run = await storm.run('calm');
    expect((await storm.ended(run)).status?.phase).toBe('Succeeded');
    undisturbed = { counts: countsOf(storm.report(run, 'calm')), table: await storm.table('calm') };
  }, 240_000);
  afterAll(async () => {
    if (process.env.SHOW_LOGS) console.log(rivals.logs(), await storm.podLogs());
    await rivals?.stop();
    await storm?.stop();
  }, 60_000);

  /** The run ended well, once, and left the same as the undisturbed one; nothing of it is in the queues. */
  const expectUndisturbed = async (run: string, pipeline: string): Promise<void> => {
    expect((await storm.ended(run)).status?.phase).toBe('Succeeded');
    expect(storm.history.phases(run).filter(isEnd)).toEqual(['Succeeded']);
    expect(countsOf(storm.report(run, pipeline))).toEqual(undisturbed.counts);
    expect(await storm.table(pipeline)).toBe(undisturbed.table);
    await until(async () => (await storm.jobsOf(run)).length === 0);
  };

  test('an API server that is killed five times during a run', async () => {
    const { plane } = storm.cluster;
    await storm.pipeline('forgetful');
    const run = await storm.run('forgetful');
    await storm.begun(run);
    for (let kill = 0; kill < 5; kill += 1) {
      await sleep(storm.random() * 1500);
      await plane.stopApiServer('SIGKILL');
      await sleep(storm.random() * 2000);
      await plane.startApiServer();
    }
    await expectUndisturbed(run, 'forgetful');
  }, 400_000);

  test(`Redis emptied ${flushes} times and killed twice during runs, every other time together with the leader`, async () => {
    const { redis, restartRedis } = storm.cluster;
    await storm.pipeline('wiped');
    const runs = [await storm.run('wiped')];
    for (let flush = 0; flush < flushes; flush += 1) {
      await sleep(200 + storm.random() * 1800);
      const leader = flush % 2 === 1 ? await rivals.current() : undefined;
      if (flush % 10 === 9) await restartRedis(storm.random() * 1000);
      else await redis.flushall();
      leader?.kill('SIGKILL');
      if (storm.history.phases(runs.at(-1) ?? '').some(isEnd)) runs.push(await storm.run('wiped'));
    }
    for (const run of runs) expect((await storm.ended(run)).status?.phase, run).toBe('Succeeded');
    console.log(`Redis emptied ${flushes} times over ${runs.length} runs`);
    const [first = '', ...later] = runs;
    await expectUndisturbed(first, 'wiped');
    const nothingNew = { read: 742, clean: 736, rejected: 6, added: 0, modified: 0, unchanged: 736 };
    for (const run of later) expect(storm.report(run, 'wiped').datasets[0]).toMatchObject(nothingNew);
  }, 300_000);

  test('a leader that cannot reach the API server has ended before another leads', async () => {
    const { plane } = storm.cluster;
    await rivals.stop();
    const proxy = await startProxy(Number(new URL(plane.url).port));
    const args = ['--lease-seconds', String(leaseSeconds), '--kubeconfig', kubeconfigThrough(proxy.port)];
    const cutOff = await storm.cluster.startController('cut-off', { args, env: { LOG_FORMAT: 'json' } });
    rivals = await startRivals(storm.cluster, 0, leaseSeconds);
    await storm.pipeline('cut');
    const run = await storm.run('cut');
    await storm.begun(run);
    await rivals.join();
    proxy.close();
    await rivals.next();
    const taken = await rivals.takenAt();
    await cutOff.ended;
    const log = readFileSync(cutOff.logFile, 'utf8');
    expect(log).toContain('cut-off does not lead any more, and ends');
    const lost = log.split('\n').find((line) => line.includes('not leading any more')) ?? '';
    expect((JSON.parse(lost) as { time: number }).time).toBeLessThan(taken.getTime());
    await expectUndisturbed(run, 'cut');
  }, 400_000);

  test(`a controller whose watches fall silent notices it, and does a run that was created meanwhile`, async () => {
    await rivals.stop();
    const proxy = await startProxy(Number(new URL(storm.cluster.plane.url).port));
    const args = ['--kubeconfig', kubeconfigThrough(proxy.port), '--watch-seconds', String(watchSeconds)];
    const deaf = await storm.cluster.startController('deaf', { args });
    await until(async () => (await gaugesOf(deaf))('jobpulse_leader') === 1);
    proxy.silence();
    const begun = Date.now();
    const run = await storm.run('calm');
    expect((await storm.ended(run, 240_000)).status?.phase).toBe('Succeeded');
    console.log(`done ${(Date.now() - begun) / 1000} s after the silence began, noticed after ${watchSeconds} s`);
    expect((await gaugesOf(deaf))('jobpulse_watch_restarts_total')).toBeGreaterThan(0);
    expect(storm.history.phases(run).filter(isEnd)).toEqual(['Succeeded']);
    proxy.close();
  }, 300_000);

  function kubeconfigThrough(port: number): string {
    const { kubeconfig, url } = storm.cluster.plane;
    const path = join(dirname(kubeconfig), `kubeconfig-${randomUUID()}`);
    writeFileSync(path, readFileSync(kubeconfig, 'utf8').replaceAll(url, `https://127.0.0.1:${port}`), { mode: 0o600 });
    return path;
  }
});

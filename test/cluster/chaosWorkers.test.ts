import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { listBusy } from '../../src/queue/busy.ts';
import { type PoolName, poolNames } from '../../src/queue/names.ts';
import { describeWithKubernetes } from '../servers/kubernetes/binaries.ts';
import { type ControllerProcess, namespace, until } from './cluster.ts';
import { countsOf, isEnd, type Storm, seedOr, startStorm } from './storm.ts';

const seed = seedOr(43);
const steered = Number(process.env.CHAOS_STEERED ?? 8);

describeWithKubernetes('workers that die, and runs that are steered meanwhile', () => {
  let storm: Storm;
  let controller: ControllerProcess;
  let undisturbed: { readonly counts: ReturnType<typeof countsOf>; readonly table: string };
  beforeAll(async () => {
    storm = await startStorm({ seed, graceSeconds: 1 });
    controller = await storm.cluster.startController();
    await storm.pipeline('calm');
    const run = await storm.run('calm');
    expect((await storm.ended(run)).status?.phase).toBe('Succeeded');
    undisturbed = { counts: countsOf(storm.report(run, 'calm')), table: await storm.table('calm') };
  }, 240_000);
  afterAll(async () => {
    if (process.env.SHOW_LOGS) console.log(await storm.podLogs());
    controller?.kill('SIGTERM');
    await storm?.stop();
  }, 60_000);

  /** Pods of a pipeline's pool whose process has steps under way; one that died counts as busy for a while longer. */
  const busy = async (pipeline: string, pool: PoolName): Promise<readonly string[]> => {
    const workers = await listBusy(storm.cluster.redis, namespace, pool);
    const pods = storm.cluster.node?.pods().filter(({ name }) => name.startsWith(`${pipeline}-`)) ?? [];
    return pods
      .filter(({ name, pid }) => workers.some((each) => each.startsWith(`${name}.${pid}.`)))
      .map(({ name }) => name);
  };

  test('workers killed at their steps, by a signal or for want of memory: the run ends as if nothing had happened', async () => {
    const { node } = storm.cluster;
    storm.double.behave({ latencyMs: 200 });
    await storm.pipeline('mortal');
    const run = await storm.run('mortal');
    const killed: PoolName[] = [];
    for (const pool of ['clean', 'extract', 'extract', 'warehouse'] as const) {
      await until(async () => {
        const [pod] = await busy('mortal', pool);
        if (pod === undefined) return storm.history.phases(run).some(isEnd);
        await sleep(storm.random() * 300);
        if (!(await busy('mortal', pool)).includes(pod)) return false;
        if (killed.length % 2 === 0) node?.kill(pod, 'SIGKILL');
        else node?.outOfMemory(pod);
        killed.push(pool);
        return true;
      });
    }
    storm.double.behave({ latencyMs: 0 });
    console.log(`killed at their steps: ${killed.join(', ')}`);
    expect(killed.length).toBeGreaterThan(2);
    expect((await storm.ended(run)).status?.phase).toBe('Succeeded');
    expect(countsOf(storm.report(run, 'mortal'))).toEqual(undisturbed.counts);
    expect(await storm.table('mortal')).toBe(undisturbed.table);
  }, 240_000);

  test('a pool that somebody scales to nothing at a step: the step goes back without spending an attempt', async () => {
    const { cluster, double } = storm;
    const deployment = 'deployment/outside-extract';
    await storm.pipeline('outside', { workers: { extract: { provider: 'External' } } });
    await until(async () => (await cluster.plane.kubectl(['scale', deployment, '--replicas=1'])).code === 0);
    double.behave({ latencyMs: 1000 });
    const run = await storm.run('outside');
    await until(async () => (await busy('outside', 'extract')).length > 0);
    await cluster.kubectl(['scale', deployment, '--replicas=0']);
    const jobs = async () => (await storm.jobsOf(run)).filter((job) => job.includes('.extract:'));
    await until(
      async () =>
        (await cluster.kubectl([
          'get',
          'pods',
          '-l',
          'jobpulse.dev/pool=extract,jobpulse.dev/pipeline=outside',
          '-o',
          'name',
        ])) === '',
    );
    const [job = ''] = await jobs();
    expect(await cluster.redis.exists(`${job}:lock`)).toBe(0);
    expect(Number((await cluster.redis.hget(job, 'atm')) ?? 0)).toBe(0);
    double.behave({ latencyMs: 0 });
    await cluster.kubectl(['scale', deployment, '--replicas=1']);
    expect((await storm.ended(run)).status?.phase).toBe('Succeeded');
    expect(countsOf(storm.report(run, 'outside'))).toEqual(undisturbed.counts);
  }, 240_000);

  test(`${steered} runs paused, cancelled and deleted while workers die and Redis is emptied: nothing stays behind`, async () => {
    const { cluster, double } = storm;
    const set = (run: string, state: string) =>
      cluster.kubectl(['patch', 'jpr', run, '--type=merge', '-p', JSON.stringify({ spec: { state } })]);
    double.behave({ latencyMs: 100 });
    const kept: string[] = [];
    const deleted: string[] = [];
    for (let turn = 0; turn < steered; turn += 1) {
      const run = await storm.run('mortal');
      await sleep(storm.random() * 2500);
      const harm = turn % 3;
      if (harm === 1) await cluster.redis.flushall();
      for (const pool of harm === 2 ? poolNames : [])
        for (const pod of await busy('mortal', pool)) cluster.node?.kill(pod, 'SIGKILL');
      if (turn % 4 === 0) await set(run, 'Cancel');
      if (turn % 4 === 1) await cluster.kubectl(['delete', 'jpr', run, '--wait=false']);
      if (turn % 4 >= 2) await set(run, 'Pause');
      await sleep(storm.random() * 1000);
      if (turn % 4 === 2) await set(run, 'Run');
      if (turn % 4 === 3) await set(run, 'Cancel');
      (turn % 4 === 1 ? deleted : kept).push(run);
    }
    double.behave({ latencyMs: 0 });
    await until(async () => (await cluster.plane.kubectl(['get', 'jpr', ...deleted])).stdout === '');
    for (const run of kept) {
      const phase = (await storm.ended(run)).status?.phase;
      expect(storm.history.phases(run).filter(isEnd), run).toHaveLength(1);
      expect(['Succeeded', 'Cancelled']).toContain(phase);
      // A step that was under way when its run was cancelled ends, and then the status says so.
      await until(async () => (await storm.get(run)).status?.steps?.running === 0);
    }
    for (const run of [...kept, ...deleted]) await until(async () => (await storm.jobsOf(run)).length === 0);
    expect(await storm.table('mortal')).toBe(undisturbed.table);
  }, 300_000);
});

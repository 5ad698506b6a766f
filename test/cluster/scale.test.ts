import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Api } from '../servers/kubernetes/api.ts';
import { describeWithKubernetes } from '../servers/kubernetes/binaries.ts';
import { type Cluster, type ControllerProcess, startCluster } from './cluster.ts';
import { areReady, createHistories, createPipelines, farSchedule, fleetPipeline } from './fleet.ts';
import { gaugesOf, redisConnections, settled, tally, writesOf } from './gauges.ts';

const pipelines = 60;
const schedules = 6;
const user = 'jobpulse-controller';

/** `npm run bench controller` does the same with 1,000 Pipelines. */
describeWithKubernetes('many Pipelines', () => {
  let cluster: Cluster;
  let api: Api;
  let controller: ControllerProcess;
  beforeAll(async () => {
    cluster = await startCluster({ audit: true, withNode: false });
    api = await cluster.plane.connect();
    controller = await start('first');
  }, 180_000);
  afterAll(async () => {
    await api?.close();
    await cluster?.stop();
  }, 60_000);

  const start = (identity: string) => cluster.startController(identity, { as: { user, groups: ['system:masters'] } });
  const restart = async (identity: string): Promise<void> => {
    controller.kill('SIGTERM');
    await controller.ended;
    controller = await start(identity);
  };
  const written = async (mark?: number) => tally(writesOf(await cluster.plane.audit(mark), user));

  test('become ready, each object written once', async () => {
    const schedule = farSchedule();
    const fleet = Array.from({ length: pipelines }, (_, index) =>
      fleetPipeline(index, index < schedules ? schedule : undefined),
    );
    const stored = await createPipelines(api, fleet);
    await areReady(api, pipelines, 180_000);
    await settled(controller, pipelines);
    expect(await written()).toEqual({
      'patch serviceaccounts 201': 3 * pipelines,
      'patch networkpolicies 201': 3 * pipelines,
      'patch deployments 201': 2 * pipelines,
      'patch statefulsets 201': pipelines,
      'patch pipelines/status 200': pipelines,
      'create events 201': pipelines,
    });

    // A controller that comes to what others left behind says so once …
    controller.kill('SIGTERM');
    await controller.ended;
    await createHistories(api, stored);
    const mark = await cluster.plane.auditMark();
    controller = await start('second');
    await settled(controller, pipelines);
    expect(await written(mark)).toEqual({ 'patch pipelines/status 200': pipelines });
  }, 400_000);

  test('a second look at everything writes nothing', async () => {
    const mark = await cluster.plane.auditMark();
    await restart('third');
    await settled(controller, pipelines);
    expect(await written(mark)).toEqual({});
    const gauges = await gaugesOf(controller);
    expect(gauges('jobpulse_reconcile_total', { controller: 'pipelines' })).toBeLessThanOrEqual(2 * pipelines);
    expect(gauges('jobpulse_reconcile_total', { result: 'error' })).toBe(0);
  });

  test('an API server that crashed and came back changes nothing, and what happens then is seen', async () => {
    const before = (await gaugesOf(controller))('jobpulse_reconcile_total');
    await cluster.plane.stopApiServer('SIGKILL');
    await cluster.plane.startApiServer();
    const mark = await cluster.plane.auditMark();
    await createPipelines(api, [fleetPipeline(pipelines)]);
    await areReady(api, pipelines + 1, 60_000);
    await settled(controller, pipelines);
    const of = `fleet-${pipelines}`;
    const others = writesOf(await cluster.plane.audit(mark), user).filter(
      ({ name, resource }) => !name.startsWith(of) && resource !== 'events',
    );
    expect(tally(others)).toEqual({});
    expect((await gaugesOf(controller))('jobpulse_reconcile_total') - before).toBeLessThan(50);
  });

  test('few connections, and no warnings', async () => {
    expect(await redisConnections(cluster.redis)).toBeLessThanOrEqual(20);
    expect(readFileSync(controller.logFile, 'utf8')).not.toMatch(/MaxListenersExceeded/);
    expect((await gaugesOf(controller))('jobpulse_steady_state_writes_total')).toBe(0);
  });
});

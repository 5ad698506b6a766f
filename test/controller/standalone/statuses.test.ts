import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { expect, onTestFinished, test } from 'vitest';
import { lastAlive, tryLock } from '../../../src/controller/standalone/lock.ts';
import { openResources } from '../../../src/controller/standalone/resources.ts';
import { keepStatuses } from '../../../src/controller/standalone/statuses.ts';
import type { QueueLoad } from '../../../src/queue/load.ts';
import { atRest, usajobs } from '../status/support.ts';

const queue: QueueLoad = { waiting: 1, prioritized: 2, active: 1, due: 1, failed: 0 };
const load = { extract: queue, clean: queue, load: queue, transform: queue };

test('writes what is seen once, nothing while nothing changes, and at its end that nobody looks any more', async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'jobpulse-statuses-'));
  onTestFinished(() => rmSync(dataDir, { recursive: true, force: true }));
  const lock = tryLock(dataDir);
  onTestFinished(() => lock?.release());
  const resources = openResources(dataDir, 'default', 'Owner');
  const { metadata, ...pipeline } = usajobs();
  const creationTimestamp = new Date().toISOString(); // fresh data is not due yet, whenever this runs
  await resources.pipelines.create({ ...pipeline, metadata: { ...metadata, creationTimestamp } });
  const { extract, clean, warehouse } = atRest().pools;
  if (!extract || !clean || !warehouse) throw new Error('a pool is missing');
  let looks = 0;
  const statuses = keepStatuses({
    ...{ dataDir, resources, served: new Set(['usajobs']), log: pino({ level: 'silent' }) },
    loads: {
      readQueues: async () => {
        looks += 1;
        return new Map([['usajobs', load]]);
      },
    },
    pools: () => ({ extract, clean, warehouse }),
  });
  const stored = async () => (await resources.pipelines.get('usajobs'))?.status;
  const written = () => statSync(join(dataDir, 'resources', 'pipelines', 'default', 'usajobs.json')).mtimeMs;

  statuses.observe();
  await expect.poll(stored, { timeout: 5_000 }).toMatchObject({ backlog: 20, phase: 'Ready' });
  // Only the scheduler says that a schedule is on: a pipeline that was run by hand makes up for no ticks.
  expect((await stored())?.conditions?.map(({ type }) => type)).not.toContain('Suspended');
  const first = written();
  await expect.poll(() => looks, { timeout: 20_000 }).toBeGreaterThanOrEqual(3);
  expect(written()).toBe(first);
  expect(Date.now() - (lastAlive(dataDir)?.getTime() ?? 0)).toBeLessThan(10_000);

  await statuses.stop();
  expect(await stored()).toMatchObject({ phase: 'Degraded' });
  expect((await stored())?.conditions?.find(({ type }) => type === 'ScalingActive')).toMatchObject({
    ...{ status: 'Unknown', reason: 'Unattended' },
  });
  expect(await stored()).not.toHaveProperty('backlog');
});

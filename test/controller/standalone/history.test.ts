import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { keptByHand } from '../../../src/controller/history.ts';
import { createRun } from '../../../src/controller/standalone/history.ts';
import { openResources } from '../../../src/controller/standalone/resources.ts';
import { newRun } from '../../../src/controller/standalone/submit.ts';

const spec = { from: 'Extract', params: [], datasets: [] } as const;
const run = (pipeline: string, at: number) =>
  newRun(
    pipeline,
    { run: `${pipeline}-${at}`, spec: { ...spec, params: [], datasets: [] } },
    new Date(at).toISOString(),
  );

test('the oldest ended runs of a pipeline go; unfinished ones and those of other pipelines stay', async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'jobpulse-history-'));
  onTestFinished(() => rmSync(dataDir, { recursive: true }));
  const resources = openResources(dataDir, 'default', 'Owner');
  await createRun(resources, run('other', 1));
  await createRun(resources, run('p', 0)); // never ends
  for (let at = 1; at <= keptByHand + 5; at += 1) {
    await createRun(resources, run('p', at));
    await resources.runs.update(`p-${at}`, (each) => ({ ...each, status: { ...each.status, phase: 'Succeeded' } }));
  }
  await createRun(resources, run('p', 1000));
  for (const seen of [resources, openResources(dataDir, 'default')]) {
    const names = (await seen.runs.list()).map(({ metadata }) => metadata.name);
    expect(names).toHaveLength(keptByHand + 3);
    expect(names).toEqual(expect.arrayContaining(['other-1', 'p-0', 'p-6', `p-${keptByHand + 5}`, 'p-1000']));
    expect(names).not.toContain('p-5');
  }
});

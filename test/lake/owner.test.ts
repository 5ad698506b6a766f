import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { filesystemStore } from '../../src/connectors/stores/filesystem.ts';
import type { Lake } from '../../src/lake/lake.ts';
import { claimLake } from '../../src/lake/owner.ts';

async function newLake(): Promise<Lake> {
  const folder = await mkdtemp(join(tmpdir(), 'owner-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  return { store: filesystemStore(folder), pipeline: 'default/usajobs' };
}

const claim = (installation: string, adopt = false) => ({ installation, pipeline: 'default/usajobs', adopt });

const ownerOf = async (lake: Lake) => JSON.parse((await lake.store.get('owner.json'))?.toString() ?? 'null');

test('the first installation owns the lake and may claim it again', async () => {
  const lake = await newLake();
  await claimLake(lake, claim('laptop'));
  await claimLake(lake, claim('laptop'));
  expect(await ownerOf(lake)).toEqual({ v: 1, installation: 'laptop', pipeline: 'default/usajobs' });
});

test('another installation is told who owns the lake and what to do', async () => {
  const lake = await newLake();
  await claimLake(lake, claim('laptop'));
  const refused = expect(claimLake(lake, claim('cluster'))).rejects;
  await refused.toMatchObject({ reason: 'LakeClaimed', message: expect.stringContaining('"laptop"') });
  await refused.toThrow('jobpulse.dev/adopt: "true"');
  expect((await ownerOf(lake)).installation).toBe('laptop');
});

test('an installation that adopts the lake owns it; the one before does not any more', async () => {
  const lake = await newLake();
  await claimLake(lake, claim('laptop'));
  await claimLake(lake, claim('cluster', true));
  expect((await ownerOf(lake)).installation).toBe('cluster');
  await expect(claimLake(lake, claim('laptop'))).rejects.toMatchObject({ reason: 'LakeClaimed' });
});

test('of many that claim at once exactly one owns the lake', async () => {
  const lake = await newLake();
  const names = Array.from({ length: 20 }, (_, n) => `installation-${n}`);
  const outcomes = await Promise.allSettled(names.map((name) => claimLake(lake, claim(name))));
  const winners = names.filter((_, n) => outcomes[n]?.status === 'fulfilled');
  expect(winners).toEqual([(await ownerOf(lake)).installation]);
});

test('a claim that cannot be read is nobody’s to take', async () => {
  const lake = await newLake();
  await lake.store.putIfAbsent('owner.json', Buffer.from('{'));
  await expect(claimLake(lake, claim('laptop', true))).rejects.toThrow('owner.json');
});

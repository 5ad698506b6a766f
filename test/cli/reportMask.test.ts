import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { parsePipeline } from '../../src/api/index.ts';
import { dataDirPlace } from '../../src/cli/places/dataDir.ts';
import { openResources } from '../../src/controller/standalone/resources.ts';
import { createLogger } from '../../src/observability/log.ts';
import { root, temporaryFolder } from '../e2e/harness.ts';

test('on one machine a report hides every secret that a manifest names, also one that need not be there', async () => {
  const dataDir = temporaryFolder();
  const file = join(root, 'examples', 'coresignal', 'pipeline.yaml');
  const parsed = parsePipeline(readFileSync(file, 'utf8'), file);
  if (!parsed.ok) throw new Error('the example is not valid');
  await openResources(dataDir, 'default', 'Owner').pipelines.create(parsed.pipeline);
  vi.stubEnv('CORESIGNAL_API_KEY', 'made-up key/1');
  vi.stubEnv('ALERTS_URL', 'https://hooks.example/made-up');
  const { signal } = new AbortController();
  const place = dataDirPlace({ dataDir, allowPrivateNetworks: true, log: createLogger({ level: 'silent' }), signal });
  const mask = await place.mask();
  vi.unstubAllEnvs();
  expect(mask('asked with made-up%20key%2F1, told https://hooks.example/made-up')).toBe('asked with ***, told ***');
});

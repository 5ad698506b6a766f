import { join } from 'node:path';
import { expect, test } from 'vitest';
import { stringify } from 'yaml';
import { renderPipeline } from '../../../../src/controller/kubernetes/render/index.ts';
import { fullInstallation, installationOf, smallInstallation, stored, usual } from './world.ts';

/**
 * What Pipelines become, to be read by a person. After a change that is meant:
 * `npm test -- test/controller/kubernetes/render -u`, and look at the difference.
 */
const cases = {
  usual: [usual, smallInstallation],
  full: [
    `${usual}
  workers:
    extract: {provider: External, concurrency: 2, minReplicas: 1, maxReplicas: 1, podAnnotations: {sidecar: "off"}, podLabels: {tier: "1"}}
    clean:
      minReplicas: 2
      maxReplicas: 6
      resources: {requests: {cpu: 250m, memory: 384Mi}, limits: {memory: 384Mi}}
      nodeSelector: {zone: a}
      tolerations: [{key: slow, effect: NoExecute, tolerationSeconds: 60}]
    warehouse: {minReplicas: 1, maxReplicas: 1, priorityClassName: soon}
`,
    fullInstallation,
  ],
  postgres: [`${usual}\n  warehouse: {postgres: {}}\n`, smallInstallation],
  empty: ['\n  datasets: []\n', smallInstallation],
} as const;

test.each(Object.entries(cases))('%s', async (name, [spec, installation]) => {
  const objects = renderPipeline(stored(spec), installationOf(installation));
  const text = objects.map((object) => stringify(object, { lineWidth: 0, aliasDuplicateObjects: false })).join('---\n');
  await expect(text).toMatchFileSnapshot(join(import.meta.dirname, 'golden', `${name}.yaml`));
});

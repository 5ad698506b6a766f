import { expect, test } from 'vitest';
import { parsePipeline } from '../../src/api/index.ts';
import { requiredSecrets } from '../../src/cli/secretRefs.ts';
import { fixture } from '../api/support.ts';

const files = 'files: {paths: [crossings/*.jsonl]}';
const rest = `rest:
          baseUrl: https://api.ferry.example
          method: POST
          auth: {bearer: {tokenFrom: {secretKeyRef: {name: ferry, key: token}}}}
          headers:
            - {name: X-Agent, valueFrom: {secretKeyRef: {name: ferry, key: agent, optional: true}}}
          body: {secretKeyRef: {name: not-ours, key: a}}`;

const manifest = `${fixture('small.yaml').replace(files, rest)}
  privacy: {pseudonymKey: {secretKeyRef: {name: ferry, key: person-key}}}
  warehouse: {postgres: {}}
  alerts: [{name: all, when: [Stale], webhook: {urlFrom: {secretKeyRef: {name: alerts, key: url}}}}]
`;

function secretsOf(from: 'Extract' | 'Clean' | 'Load') {
  const checked = parsePipeline(manifest, 'ferry.yaml');
  if (!checked.ok) throw new Error(JSON.stringify(checked.problems));
  return requiredSecrets(checked.pipeline, from).map(({ name, key }) => `${name}/${key}`);
}

test('what a run needs is known before it starts; one that asks no source needs no key to it', () => {
  const others = ['ferry/person-key', 'alerts/url', 'postgres/url'];
  expect(secretsOf('Extract').toSorted()).toEqual(['ferry/token', ...others].toSorted());
  expect(secretsOf('Clean').toSorted()).toEqual(others.toSorted());
  expect(secretsOf('Load').toSorted()).toEqual(['alerts/url', 'postgres/url']);
});

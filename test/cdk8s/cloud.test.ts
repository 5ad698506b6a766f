import { App, Chart, Testing } from 'cdk8s';
import { expect, test } from 'vitest';
import { stringify } from 'yaml';
import { GoogleCloud, type GoogleCloudProps } from '../../cdk8s/index.ts';
import type { Manifest } from '../../cdk8s/installation/settings.ts';
import { renderPipeline } from '../../src/controller/kubernetes/render/index.ts';
import { installationOf, smallInstallation, stored, usual } from '../controller/kubernetes/render/world.ts';
import { temporaryFolder } from '../e2e/harness.ts';

const props: GoogleCloudProps = {
  ...{ project: 'quay', location: 'us-east1', bucket: 'quay-lake', dataset: 'labour_market' },
  ...{ pipelines: ['usajobs'], namespace: 'jobs' },
};

function synthesised(given: Partial<GoogleCloudProps> = {}) {
  const chart = new Chart(new App({ outdir: temporaryFolder() }), 'chart');
  const cloud = new GoogleCloud(chart, 'cloud', { ...props, ...given });
  return { cloud, objects: Testing.synth(chart) as readonly Manifest[] };
}

test('the workers of a Pipeline, as the controller makes them, may act as the account, and say so', () => {
  const { cloud, objects } = synthesised();
  const identity = objects.find(({ metadata }) => metadata.name === 'jobpulse-workers-workload-identity');
  const bound = JSON.stringify(identity?.spec);
  const installation = installationOf(smallInstallation + stringify({ pod: { annotations: cloud.workerAnnotations } }));
  const made = renderPipeline(stored(usual, { name: 'usajobs', namespace: 'jobs' }), installation);
  const accounts = made.filter(({ kind }) => kind === 'ServiceAccount');
  expect(accounts).toHaveLength(3);
  for (const { metadata } of accounts) {
    expect(bound).toContain(`"serviceAccount:quay.svc.id.goog[jobs/${metadata.name}]"`);
    expect(metadata.annotations).toEqual({
      'iam.gke.io/gcp-service-account': 'jobpulse-workers@quay.iam.gserviceaccount.com',
    });
  }
});

test('data outlives the objects; the account has a right over each thing, and none over others', () => {
  const { objects } = synthesised();
  const kept = objects.filter(
    ({ metadata }) => metadata.annotations?.['cnrm.cloud.google.com/deletion-policy'] === 'abandon',
  );
  expect(kept.map(({ kind }) => kind).sort()).toEqual(['BigQueryDataset', 'StorageBucket']);
  for (const { metadata } of objects) {
    expect(metadata).toMatchObject({ namespace: 'jobs', annotations: { 'cnrm.cloud.google.com/project-id': 'quay' } });
  }
  const rights = objects
    .filter(({ kind }) => kind === 'IAMPartialPolicy')
    .map(({ spec }) => spec as { resourceRef: { kind: string }; bindings: { role: string }[] })
    .map(({ resourceRef, bindings }) => `${resourceRef.kind}: ${bindings.map(({ role }) => role).join(', ')}`);
  expect(rights.sort()).toEqual([
    'IAMServiceAccount: roles/iam.workloadIdentityUser',
    'Project: roles/bigquery.jobUser',
    'StorageBucket: roles/storage.objectUser',
  ]);
  expect(objects.find(({ kind }) => kind === 'BigQueryDataset')).toMatchObject({
    metadata: { name: 'labour-market' },
    spec: { resourceID: 'labour_market' },
  });
});

test('a name that no service account can have is refused', () => {
  expect(() => synthesised({ account: 'Ana' })).toThrow('account Ana: write 6 to 30 small letters');
});

import type { Construct } from 'constructs';
import { GoogleCloud } from '../index.ts';
import { installation } from './installation.ts';

/** An installation in a cluster of Google's, with what it needs of Google Cloud: all in one file to apply. */
export function googleCloud(scope: Construct, seed?: string): void {
  const namespace = 'jobpulse';
  const cloud = new GoogleCloud(scope, 'cloud', {
    ...{ project: 'made-up-project', location: 'US', namespace },
    ...{ bucket: 'made-up-project-jobpulse-lake', dataset: 'jobpulse' },
    pipelines: ['usajobs', 'coresignal', 'vacancies'],
  });
  installation(scope, {
    ...{ namespace, ...(seed && { seed }) },
    workers: { pod: { annotations: cloud.workerAnnotations } },
  });
}

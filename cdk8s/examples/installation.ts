import { ApiObject } from 'cdk8s';
import type { Construct } from 'constructs';
import { derivedPasswords, JobpulseInstallation, type JobpulseInstallationProps } from '../index.ts';

/**
 * A namespace for restricted pods only, and an installation in it. The bundled Redis gets its passwords from a seed that
 * nobody else knows; without one, the address of a Redis of yours is in the Secret `jobpulse-redis`.
 */
export function installation(scope: Construct, { namespace, seed, ...props }: InstallationExample): void {
  new ApiObject(scope, 'namespace', {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: namespace, labels: { 'pod-security.kubernetes.io/enforce': 'restricted' } },
  });
  const redis =
    seed === undefined
      ? { redis: { bundled: false, existingSecret: { name: 'jobpulse-redis' } } }
      : { redisPassword: derivedPasswords(seed) };
  new JobpulseInstallation(scope, 'jobpulse', { namespace, ...redis, ...props });
}

export interface InstallationExample extends JobpulseInstallationProps {
  readonly namespace: string;
  readonly seed?: string;
}

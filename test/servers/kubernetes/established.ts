import { setTimeout as sleep } from 'node:timers/promises';
import type { ControlPlane } from './controlPlane.ts';

/**
 * Waits until all definitions are established. One has no conditions at all in its first moment, and kubectl does not
 * wait for them to come.
 */
export async function allEstablished({ kubectl }: Pick<ControlPlane, 'kubectl'>): Promise<void> {
  for (let tries = 0; tries < 100; tries += 1) {
    if ((await kubectl(['wait', '--for=condition=Established', 'crd', '--all'])).code === 0) return;
    await sleep(100);
  }
  throw new Error('the API server does not establish all definitions');
}

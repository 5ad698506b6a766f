import { resolve } from 'node:path';
import type { SecretKeyRef } from '../../api/index.ts';
import type { ControllerOptions } from './controller.ts';
import { secretReader } from './secrets.ts';

/** Settings that a run depends on; a process has them from its start. Holds no secret, only names of some. */
export interface Needs {
  readonly secrets: readonly SecretKeyRef[];
  /** An absolute path. */
  readonly secretsDir?: string;
  readonly allowPrivateNetworks: boolean;
}

/** In what a process differs from the one that asks for a run, so that the run might go otherwise there. */
export function differences(
  options: Pick<ControllerOptions, 'secretsDir' | 'allowPrivateNetworks'>,
  { secrets, secretsDir, allowPrivateNetworks }: Needs,
): readonly string[] {
  const verb = options.allowPrivateNetworks ? 'may' : 'may not';
  const own = options.secretsDir === undefined ? undefined : resolve(options.secretsDir);
  return [
    ...(options.allowPrivateNetworks === allowPrivateNetworks ? [] : [`it ${verb} connect to private networks`]),
    ...(own === secretsDir ? [] : [`its --secrets-dir is ${own ?? 'not set'}`]),
    ...secrets.filter((ref) => !has(options, ref)).map(({ name, key }) => `it has no secret ${name}, key ${key}`),
  ];
}

function has({ secretsDir }: Pick<ControllerOptions, 'secretsDir'>, ref: SecretKeyRef): boolean {
  try {
    secretReader({ env: process.env, ...(secretsDir === undefined ? {} : { secretsDir }) }).read(ref);
    return true;
  } catch {
    return false;
  }
}

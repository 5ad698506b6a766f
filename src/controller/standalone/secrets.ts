import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { maskOf } from '../../connectors/http/mask.ts';
import { TerminalError } from '../../run/errors.ts';
import type { ReadSecret } from '../../workers/stage.ts';

/** Secrets of a machine without a cluster. */
export interface Secrets {
  readonly read: ReadSecret;
  /** Replaces every secret value that was read so far, also as it looks in a URL or in JSON. */
  readonly redact: (text: string) => string;
}

export interface SecretsOptions {
  readonly env: NodeJS.ProcessEnv;
  /** Folder with a file `<name>/<key>` per secret value, as a cluster mounts them. */
  readonly secretsDir?: string;
}

/**
 * Reads a secret at the moment of use: secret `usajobs`, key `api-key` is the variable `USAJOBS_API_KEY`,
 * or the file `usajobs/api-key` in the secrets folder, which goes first.
 */
export function secretReader({ env, secretsDir }: SecretsOptions): Secrets {
  const seen = new Set<string>();
  let mask = maskOf([]);
  return {
    read: ({ name, key, optional }) => {
      const value = fromFile(secretsDir, name, key) ?? env[variable(name, key)];
      if (value !== undefined && value !== '') {
        if (!seen.has(value)) mask = maskOf([...seen.add(value)]);
        return value;
      }
      if (optional) return undefined;
      throw new TerminalError('SecretMissing', missing(name, key, secretsDir));
    },
    redact: (text) => mask(text),
  };
}

/** `usajobs`, `api-key` → `USAJOBS_API_KEY`. */
export const variable = (name: string, key: string): string =>
  `${name}_${key}`.toUpperCase().replace(/[^A-Z0-9]/g, '_');

const missing = (name: string, key: string, secretsDir: string | undefined): string =>
  `secret ${name}, key ${key} is missing: set the environment variable ${variable(name, key)}, or ` +
  (secretsDir === undefined
    ? `name a folder with --secrets-dir that holds the file ${name}/${key}`
    : `write it into ${join(secretsDir, name, key)}`);

function fromFile(folder: string | undefined, name: string, key: string): string | undefined {
  if (folder === undefined) return undefined;
  const path = join(folder, name, key);
  try {
    return readFileSync(path, 'utf8').replace(/\r?\n$/, '');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw new TerminalError('SecretMissing', `${path} cannot be read (${code}); make it a file that you may read`);
  }
}

import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { describe } from 'vitest';
import { cacheFolder } from '../../../src/controller/standalone/folders.ts';

/** The S3 server of the tests: a gateway to a folder, of this version. */
export const s3Version = '1.8.0';
export const s3Program = 'versitygw';

/** Where the built program is kept, for all working copies of this user. */
export const s3Folder = (env: NodeJS.ProcessEnv = process.env): string =>
  join(cacheFolder(env), `${s3Program}-${s3Version}`);

/** The program, from the cache or `PATH`. */
export function findS3(env: NodeJS.ProcessEnv = process.env): string | undefined {
  const folders = [s3Folder(env), ...(env.PATH ?? '').split(delimiter)];
  return folders.map((folder) => join(folder, s3Program)).find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return path.startsWith('/');
  } catch {
    return false;
  }
}

/** Tests that need an S3 server; where there is none they are counted as skipped, and say how to get it. */
export function describeWithS3(name: string, tests: () => void): void {
  const missing = findS3() === undefined;
  const how = '`npm run build:s3` builds it once, in about 2 minutes, with Go';
  describe.skipIf(missing)(missing ? `${name} (needs ${s3Program}: ${how})` : name, tests);
}

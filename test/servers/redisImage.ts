import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { pino } from 'pino';
import { writeArchive } from '../../scripts/image/archive.ts';
import { copy, librariesOf } from '../../scripts/image/rootfs.ts';
import { cacheFolder } from '../../src/controller/standalone/folders.ts';
import { defaultSearchPath, findRedis, redisEnvironment } from '../../src/controller/standalone/redis-binary.ts';
import { unpackRedis } from '../../src/controller/standalone/redis-unpack.ts';

/** Makes an image of this machine's Redis, which takes the arguments that the images of Redis and Valkey take. */
export async function makeRedisImage(name: string, archive: string): Promise<void> {
  const unpacking = { cacheDir: cacheFolder(), log: pino({ level: 'silent' }), signal: AbortSignal.timeout(120_000) };
  const binary = (await findRedis(defaultSearchPath())) ?? (await unpackRedis(unpacking));
  if (binary === undefined) throw new Error('there is no Redis to make an image of: `apt-get install redis-server`');
  const root = mkdtempSync(join(tmpdir(), 'jobpulse-redis-image-'));
  try {
    const program = join('/usr/bin', basename(binary.path));
    copy(binary.path, join(root, program));
    const env = redisEnvironment(binary.libraries);
    for (const path of librariesOf([binary.path], env)) copy(path, join(root, path));
    const { LD_LIBRARY_PATH } = env;
    const variables = LD_LIBRARY_PATH === undefined ? [] : [`LD_LIBRARY_PATH=${LD_LIBRARY_PATH}`];
    await writeArchive(root, name, { Env: variables, Entrypoint: [program], Labels: {} }, archive);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

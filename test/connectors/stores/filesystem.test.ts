import { spawnSync } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { filesystemStore } from '../../../src/connectors/stores/filesystem.ts';
import { TerminalError } from '../../../src/run/errors.ts';
import { storeContract } from './contract.ts';

storeContract('the filesystem store', async () => {
  const root = await mkdtemp(join(tmpdir(), 'lake-'));
  const module = JSON.stringify(new URL('../../../src/connectors/stores/filesystem.ts', import.meta.url).href);
  return {
    store: filesystemStore(root),
    close: () => rm(root, { recursive: true }),
    expression: `import(${module}).then(({ filesystemStore }) => filesystemStore(${JSON.stringify(root)}))`,
    isHalfWay: async () => (await readdir(join(root, '.tmp')).catch(() => [])).length > 0,
  };
});

describe('the filesystem store', () => {
  let root: string;
  let mounted = false;
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'lake-'));
  });
  afterEach(async () => {
    if (mounted) spawnSync('umount', [root]);
    mounted = false;
    await rm(root, { recursive: true });
  });

  test('leaves nothing beside the objects when a put has ended', async () => {
    const store = filesystemStore(root);
    await Promise.all(Array.from({ length: 20 }, () => store.putIfAbsent('object', Buffer.from('x'))));
    expect(await readdir(join(root, '.tmp'))).toEqual([]);
  });

  test('sweeps what crashed writers left more than a day ago, and only that', async () => {
    await mkdir(join(root, '.tmp'));
    const [old, fresh] = [join(root, '.tmp', 'old'), join(root, '.tmp', 'fresh')];
    await writeFile(old, 'half');
    await writeFile(fresh, 'half');
    const twoDaysAgo = new Date(Date.now() - 2 * 86_400_000);
    await utimes(old, twoDaysAgo, twoDaysAgo);
    await filesystemStore(root).putIfAbsent('object', Buffer.from('x'));
    expect(await readdir(join(root, '.tmp'))).toEqual(['fresh']);
  });

  test('the place of unfinished objects is no part of the store', async () => {
    const store = filesystemStore(root);
    await expect(store.get('.tmp/old')).rejects.toThrow('kept for unfinished objects');
  });

  test.skipIf(process.getuid?.() === 0)(
    'a folder without the right to write is StoreDenied (root has every right)',
    async () => {
      await chmod(root, 0o555);
      await expect(filesystemStore(root).putIfAbsent('object', Buffer.from('x'))).rejects.toMatchObject({
        reason: 'StoreDenied',
      });
    },
  );

  describe.skipIf(process.getuid?.() !== 0)('on a filesystem of its own (needs root to mount one)', () => {
    const mount = (options: string) => {
      mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', root]).status === 0;
      expect(mounted).toBe(true);
    };

    test('a full disk is StoreFull, says where, and leaves no half object', async () => {
      mount('size=1m');
      const store = filesystemStore(root);
      await store.putIfAbsent('small', Buffer.from('x'));
      const failure = await store.putIfAbsent('folder/big', Buffer.alloc(4_000_000)).catch((error: unknown) => error);
      expect(failure).toBeInstanceOf(TerminalError);
      expect(failure).toMatchObject({ reason: 'StoreFull', message: expect.stringContaining(join(root, 'folder')) });
      expect(await readdir(join(root, '.tmp'))).toEqual([]);
      expect((await Array.fromAsync(store.list(''))).map(({ path }) => path)).toEqual(['small']);
      expect(await store.putIfAbsent('folder/small', Buffer.from('x'))).toBe('created');
    });

    test('a disk that is read-only is StoreDenied and can still be read', async () => {
      mount('size=1m');
      const store = filesystemStore(root);
      await store.putIfAbsent('small', Buffer.from('x'));
      expect(spawnSync('mount', ['-o', 'remount,ro', root]).status).toBe(0);
      await expect(store.putIfAbsent('other', Buffer.from('x'))).rejects.toMatchObject({ reason: 'StoreDenied' });
      await expect(store.delete('small')).rejects.toMatchObject({ reason: 'StoreDenied' });
      expect((await store.get('small'))?.toString()).toBe('x');
    });
  });
});

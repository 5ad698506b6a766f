import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { ImageConfig } from './dockerfile.ts';

/** Processor architectures, in the words of images. */
const architectures: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64' };
/** Everything is as old as this, so that the same files make the same image. */
const created = '1970-01-01T00:00:00Z';

/**
 * Packs a root file system as an image of one layer into a docker-archive, which `docker load`, `podman load` and
 * `ctr images import` read. The archive appears when it is whole.
 */
export async function writeArchive(root: string, name: string, config: ImageConfig, archive: string): Promise<void> {
  mkdirSync(dirname(archive), { recursive: true });
  const folder = mkdtempSync(`${archive}.`);
  try {
    const layer = join(folder, 'layer.tar');
    pack(layer, root, ['.']);
    const digest = await digestOf(layer);
    const image = JSON.stringify({
      architecture: architectures[process.arch],
      os: 'linux',
      created,
      config,
      rootfs: { type: 'layers', diff_ids: [`sha256:${digest}`] },
      history: [{ created, created_by: 'scripts/image.ts' }],
    });
    const configFile = `${createHash('sha256').update(image).digest('hex')}.json`;
    writeFileSync(join(folder, configFile), image);
    const manifest = [{ Config: configFile, RepoTags: [name], Layers: ['layer.tar'] }];
    writeFileSync(join(folder, 'manifest.json'), JSON.stringify(manifest));
    const whole = join(folder, 'whole.tar');
    pack(whole, folder, ['manifest.json', configFile, 'layer.tar']);
    renameSync(whole, archive);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Makes a tar of files, which belong to root and are as old as each other, in the order of their names. */
function pack(archive: string, folder: string, names: readonly string[]): void {
  const alike = ['--sort=name', '--mtime=@0', '--owner=0', '--group=0', '--numeric-owner'];
  execFileSync('tar', ['--create', `--file=${archive}`, `--directory=${folder}`, ...alike, ...names]);
}

async function digestOf(file: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file)) hash.update(chunk);
  return hash.digest('hex');
}

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeArchive } from './archive.ts';
import { configOf } from './dockerfile.ts';
import { makeRootFileSystem } from './rootfs.ts';

const project = join(import.meta.dirname, '..', '..');

/** Makes the image of this working copy, as a docker-archive; `change` may alter its files before they are packed. */
export async function makeImage(
  name: string,
  archive: string,
  change: (root: string) => void = () => undefined,
): Promise<void> {
  const root = mkdtempSync(join(tmpdir(), 'jobpulse-image-'));
  try {
    await makeRootFileSystem(project, root);
    change(root);
    await writeArchive(root, name, configOf(readFileSync(join(project, 'Dockerfile'), 'utf8')), archive);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

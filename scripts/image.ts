/**
 * `npm run build:image`: makes the image without a container engine, as an archive that `docker load`, `podman load` and
 * `ctr images import` read. With `--root FOLDER` it makes only the root file system, as the `Dockerfile` asks.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { writeArchive } from './image/archive.ts';
import { configOf } from './image/dockerfile.ts';
import { makeRootFileSystem } from './image/rootfs.ts';

const project = join(import.meta.dirname, '..');
const { values } = parseArgs({
  options: {
    root: { type: 'string' },
    name: { type: 'string', default: 'jobpulse.example/jobpulse:latest' },
    output: { type: 'string', default: 'jobpulse-image.tar' },
  },
});
if (values.root !== undefined) {
  await makeRootFileSystem(project, values.root);
} else {
  await makeArchive(values.name, values.output);
  console.log(`${values.output}: image ${values.name}; \`docker load --input ${values.output}\` takes it`);
}

async function makeArchive(name: string, output: string): Promise<void> {
  const root = mkdtempSync(join(tmpdir(), 'jobpulse-image-'));
  try {
    await makeRootFileSystem(project, root);
    const config = configOf(readFileSync(join(project, 'Dockerfile'), 'utf8'));
    await writeArchive(root, name, config, output);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

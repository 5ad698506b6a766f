/**
 * `npm run build:image`: makes the image without a container engine, as an archive that `docker load`, `podman load` and
 * `ctr images import` read. With `--root FOLDER` it makes only the root file system, as the `Dockerfile` asks.
 */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { makeImage } from './image/image.ts';
import { makeRootFileSystem } from './image/rootfs.ts';

const { values } = parseArgs({
  options: {
    root: { type: 'string' },
    name: { type: 'string', default: 'jobpulse.example/jobpulse:latest' },
    output: { type: 'string', default: 'jobpulse-image.tar' },
  },
});
if (values.root !== undefined) {
  await makeRootFileSystem(join(import.meta.dirname, '..'), values.root);
} else {
  await makeImage(values.name, values.output);
  console.log(`${values.output}: image ${values.name}; \`docker load --input ${values.output}\` takes it`);
}

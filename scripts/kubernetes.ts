/**
 * `npm run build:kubernetes`: builds the Kubernetes that tests run against into the cache, unless there is one; with
 * `-- --node` also what a real node needs.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { binariesFolder, findKubernetes, programs } from '../test/servers/kubernetes/binaries.ts';
import { BuildError, buildKubernetes, buildNode } from '../test/servers/kubernetes/build.ts';
import { findNode, nodePrograms } from '../test/servers/kubernetes/nodeBinaries.ts';

try {
  const found = findKubernetes();
  if (found === undefined) await make('Kubernetes', buildKubernetes);
  else for (const program of programs) console.log(`${program}: ${found[program]}`);
  if (process.argv.includes('--node')) await provideNode();
} catch (error) {
  if (!(error instanceof BuildError)) throw error;
  console.error(error.message);
  process.exit(1);
}

async function provideNode(): Promise<void> {
  const paths = nodePrograms.map((program) => join(binariesFolder(), program));
  if (paths.every((path) => existsSync(path))) for (const path of paths) console.log(path);
  else await make('the programs of a node', buildNode);
  const node = findNode();
  if ('missing' in node) console.log(`A node also needs ${node.missing}.`);
}

async function make(what: string, build: () => Promise<void>): Promise<void> {
  console.log(`Building ${what} into ${binariesFolder()}; this takes 3 to 8 minutes.`);
  await build();
  console.log('Built. `npm test` now includes the tests that need it.');
}

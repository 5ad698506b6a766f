/**
 * `npm run build:kubernetes`: builds the Kubernetes that tests run against into the cache, unless there is one; with
 * `-- --node` also what a real node needs.
 */
import { join } from 'node:path';
import { binariesFolder, findKubernetes, programs } from '../test/servers/kubernetes/binaries.ts';
import { BuildError, buildKubernetes, buildNode } from '../test/servers/kubernetes/build.ts';
import { findNode, isNodeBuilt, nodePrograms } from '../test/servers/kubernetes/nodeBinaries.ts';

try {
  // First: it makes a missing control plane as well, in less time.
  if (process.argv.includes('--node')) await provideNode();
  const found = findKubernetes();
  if (found === undefined) await make('Kubernetes', buildKubernetes);
  else for (const program of programs) console.log(`${program}: ${found[program]}`);
} catch (error) {
  if (!(error instanceof BuildError)) throw error;
  console.error(error.message);
  process.exit(1);
}

async function provideNode(): Promise<void> {
  if (isNodeBuilt()) for (const program of nodePrograms) console.log(`${program}: ${join(binariesFolder(), program)}`);
  else await make('the programs of a node', buildNode);
  const node = findNode();
  if ('missing' in node) console.log(`A node also needs ${node.missing}.`);
}

async function make(what: string, build: () => Promise<void>): Promise<void> {
  console.log(`Building ${what} into ${binariesFolder()}; this takes 3 to 12 minutes.`);
  await build();
  console.log('Built. `npm test` now includes the tests that need it.');
}

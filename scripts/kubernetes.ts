/** `npm run build:kubernetes`: builds the Kubernetes that tests run against into the cache, unless there is one. */
import { binariesFolder, findKubernetes, programs } from '../test/servers/kubernetes/binaries.ts';
import { BuildError, buildKubernetes } from '../test/servers/kubernetes/build.ts';

const found = findKubernetes();
if (found !== undefined) {
  for (const program of programs) console.log(`${program}: ${found[program]}`);
  process.exit(0);
}
console.log(`Building Kubernetes into ${binariesFolder()}; this takes 3 to 8 minutes.`);
try {
  await buildKubernetes();
  console.log('Built. `npm test` now includes the tests that need it.');
} catch (error) {
  if (!(error instanceof BuildError)) throw error;
  console.error(error.message);
  process.exit(1);
}

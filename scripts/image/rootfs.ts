import { execFileSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { bundle, unbundledPackages } from './bundle.ts';
import { debianPackageOf, writeBillOfMaterials, writeLicenses } from './materials.ts';

/**
 * Makes the root file system of the image in an empty folder: Node.js, the libraries it needs, the bundled project and
 * nothing else, no shell and no package manager. The `Dockerfile` calls this in its first stage, and `image.ts` where
 * no container engine runs: so both are the same.
 *
 * Runs on Linux, on the machine whose libraries become those of the image.
 */
export async function makeRootFileSystem(project: string, root: string): Promise<void> {
  const node = join(project, `node_modules/node-linux-${process.arch}`);
  copy(join(node, 'bin/node'), join(root, 'usr/bin/node'));

  const app = join(root, 'app');
  const bundled = await bundle(project, join(app, 'dist'));
  // It is where the program reads its version.
  copy(join(project, 'package.json'), join(app, 'package.json'));
  const unbundled = unbundledPackages(project);
  for (const { name, folder } of unbundled) copy(folder, join(app, 'node_modules', name));
  chmodSync(join(app, 'dist/jobpulse.js'), 0o755);
  symlinkSync('/app/dist/jobpulse.js', join(root, 'usr/bin/jobpulse'));

  const libraries = librariesOf([
    join(node, 'bin/node'),
    join(project, `node_modules/@duckdb/node-bindings-linux-${process.arch}/libduckdb.so`),
  ]);
  for (const path of [...libraries, authorities, timeZones]) copy(path, join(root, path));
  writeAccounts(root);
  mkdirSync(join(root, 'tmp'));
  chmodSync(join(root, 'tmp'), 0o1777);

  const packages = [...bundled, ...unbundled, { ...readVersion(node), name: 'node', folder: node }];
  const debian = [...new Set([...libraries, authorities, timeZones].map(debianPackageOf))];
  const share = join(root, 'usr/share/doc/jobpulse');
  mkdirSync(share, { recursive: true });
  writeBillOfMaterials(join(share, 'sbom.cdx.json'), join(project, 'package.json'), packages, debian);
  writeLicenses(join(share, 'licenses.txt'), packages);
}

/** Whom TLS trusts beside what Node.js brings: an installation mounts its own authority over it. */
const authorities = '/etc/ssl/certs/ca-certificates.crt';
/** For `TZ`. */
const timeZones = '/usr/share/zoneinfo';

/** User and group that own nothing, as whom the processes run. */
function writeAccounts(root: string): void {
  mkdirSync(join(root, 'etc'), { recursive: true });
  writeFileSync(join(root, 'etc/passwd'), 'jobpulse:x:65532:65532:jobpulse:/tmp:/sbin/nologin\n');
  writeFileSync(join(root, 'etc/group'), 'jobpulse:x:65532:\n');
  writeFileSync(join(root, 'etc/nsswitch.conf'), 'hosts: files dns\n');
}

/** The files that the dynamic linker loads for programs, under the names that it asks for. */
export function librariesOf(programs: readonly string[], env: NodeJS.ProcessEnv = process.env): readonly string[] {
  const found = programs.flatMap((program) => {
    const listing = execFileSync('ldd', [program], { encoding: 'utf8', env });
    if (/not found/.test(listing)) throw new Error(`libraries of ${program} are missing:\n${listing}`);
    return [...listing.matchAll(/(?<= |\t)(\/\S+)(?= \()/g)].map(([, path = '']) => path);
  });
  return [...new Set(found)];
}

/** Copies a file, or a folder with all that is in it; of links, what they lead to. */
export function copy(from: string, to: string): void {
  if (!existsSync(from)) throw new Error(`${from} is not on this machine; the image needs it`);
  mkdirSync(dirname(to), { recursive: true });
  cpSync(from, to, { recursive: true, dereference: true });
}

const readVersion = (folder: string): { readonly version: string; readonly license?: string } =>
  JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));

import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { rolldown } from 'rolldown';

/** A package of npm that is in the image, in whole or in part. */
export interface Package {
  readonly name: string;
  readonly version: string;
  readonly license?: string;
  /** The folder that it was taken from. */
  readonly folder: string;
}

/** Packages with native parts: they come as they are, and are found in `node_modules`. */
const nativePackages = ['@duckdb/node-api', '@duckdb/node-bindings', `@duckdb/node-bindings-linux-${process.arch}`];
/** An optional accelerator of BullMQ that has a native part; without it, JavaScript does the same. */
const leftOut = 'msgpackr-extract';

/**
 * Bundles the command line and the worker process into a few files of JavaScript, with the parts of packages that they
 * use and no others: that halves the time a process takes to start. Names stay readable, for stack traces.
 */
export async function bundle(project: string, target: string): Promise<readonly Package[]> {
  const build = await rolldown({
    cwd: project,
    input: { jobpulse: join(project, 'src/cli/main.ts'), worker: join(project, 'src/workers/main.ts') },
    platform: 'node',
    external: [/^@duckdb\//, leftOut],
  });
  const { output } = await build.write({
    dir: target,
    format: 'esm',
    // The command line is a program: the kernel finds its interpreter by the first line.
    banner: ({ fileName }) => (fileName === 'jobpulse.js' ? '#!/usr/bin/node' : ''),
  });
  await build.close();
  const modules = output.flatMap((file) => (file.type === 'chunk' ? file.moduleIds : []));
  return packagesOf(modules, project);
}

/** The packages as they are that a bundle needs beside it. */
export const unbundledPackages = (project: string): readonly Package[] =>
  nativePackages.map((name) => readPackage(join(project, 'node_modules', name)));

/** The packages that modules belong to, each once, by name. */
function packagesOf(modules: readonly string[], project: string): readonly Package[] {
  const folders = new Set(
    modules.filter((id) => id.startsWith('/') && id.includes('/node_modules/')).map(packageFolder),
  );
  folders.delete(project);
  return [...folders].map(readPackage).toSorted((a, b) => Number(a.name > b.name) - Number(a.name < b.name));
}

/** The nearest folder above that has a name: packages put `package.json` files without one in between. */
function packageFolder(module: string): string {
  let folder = dirname(module);
  while (!existsSync(join(folder, 'package.json')) || readPackage(folder).name === undefined) folder = dirname(folder);
  return folder;
}

function readPackage(folder: string): Package {
  return { ...(JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Omit<Package, 'folder'>), folder };
}

import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Package } from './bundle.ts';

/** A package of Debian, as `name=version`. */
export type DebianPackage = string;

/** The package of Debian that a file or folder of this machine belongs to. */
export function debianPackageOf(path: string): DebianPackage {
  // Made by a script of the package when it is installed, so that no package lists it.
  const listed = path === '/etc/ssl/certs/ca-certificates.crt' ? '/usr/sbin/update-ca-certificates' : path;
  const owner = [listed, realpathSync(listed), realpathSync(listed).replace(/^\/usr/, '')]
    .map((each) => tryTo(() => run('dpkg-query', '--search', each)))
    .find((answer) => answer !== undefined);
  const name = owner?.split(/[:,]/)[0];
  if (name === undefined) throw new Error(`${path} belongs to no package of Debian`);
  return run('dpkg-query', '--show', name).trim().replace('\t', '=');
}

/** Lists what an image is made of, as CycloneDX 1.6: exactly what is in it, not what was installed to make it. */
export function writeBillOfMaterials(
  file: string,
  manifest: string,
  packages: readonly Package[],
  debian: readonly DebianPackage[],
): void {
  const { name, version, license } = JSON.parse(readFileSync(manifest, 'utf8')) as Package;
  const bill = {
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    version: 1,
    metadata: { component: { type: 'application', 'bom-ref': name, name, version, ...licensed(license) } },
    components: [
      ...packages.map((each) => ({
        ...component(each.name, each.version, `pkg:npm/${each.name.replace('@', '%40')}@${each.version}`),
        ...licensed(each.license),
      })),
      ...debian.toSorted().map((each) => {
        const [, deb = '', debVersion = ''] = /^([^:=]+)(?::[^=]+)?=(.*)$/.exec(each) ?? [];
        return component(deb, debVersion, `pkg:deb/debian/${deb}@${encodeURIComponent(debVersion)}`);
      }),
    ],
  };
  writeFileSync(file, `${JSON.stringify(bill, undefined, 2)}\n`);
}

const component = (name: string, version: string, purl: string) => ({
  type: 'library',
  'bom-ref': purl,
  name,
  version,
  purl,
});

const licensed = (license: string | undefined) =>
  license === undefined ? {} : { licenses: [{ expression: license }] };

/** The licences of all packages, which ask for their texts to be handed on. */
export function writeLicenses(file: string, packages: readonly Package[]): void {
  const texts = packages.map(({ name, version, license, folder }) => {
    const files = readdirSync(folder).filter((each) => /^(licen[cs]e|notice|copying)/i.test(each));
    const text = files.map((each) => readFileSync(join(folder, each), 'utf8').trim()).join('\n\n');
    return `${name} ${version}${license === undefined ? '' : ` (${license})`}\n\n${text}\n`;
  });
  writeFileSync(file, texts.join(`\n${'='.repeat(80)}\n\n`));
}

const run = (program: string, ...args: readonly string[]): string =>
  execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });

function tryTo<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}

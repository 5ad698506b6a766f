import { describe, expect, test } from 'vitest';
import { checkStored } from '../../../../src/controller/kubernetes/pipelines/check.ts';
import { renderPipeline } from '../../../../src/controller/kubernetes/render/index.ts';
import type { Json } from '../../../../src/run/key.ts';
import { installationOf, smallInstallation, stored, usual } from './world.ts';

const small = installationOf(smallInstallation);
const withServer = installationOf(`${smallInstallation}warehouse: {postgres: {secret: {name: tables, key: address}}}`);
const own = `${usual}\n  warehouse: {postgres: {schema: mine, urlFrom: {secretKeyRef: {name: mine, key: dsn}}}}\n`;

function render(spec: string, installation: typeof small) {
  const checked = checkStored(stored(spec), installation);
  if (!checked.ok) throw new Error(JSON.stringify(checked.problems));
  return renderPipeline(checked.pipeline, installation);
}
const workload = (objects: ReturnType<typeof render>, pool: string) =>
  objects.find(({ kind, metadata }) => /Set|Deployment/.test(kind) && metadata.name === `quay-${pool}`);
const textOf = (objects: ReturnType<typeof render>, pool: string): string =>
  JSON.stringify(objects.filter(({ metadata }) => metadata.name === `quay-${pool}`));

describe('a warehouse that is a server', () => {
  test.each([
    ['of the installation', usual, withServer, 'tables/address'],
    ['of its own', own, withServer, 'mine/dsn'],
    [
      'of its own, with the Secret that goes without saying',
      `${usual}\n  warehouse: {postgres: {}}\n`,
      small,
      'postgres/url',
    ],
  ])('%s: a Deployment without a volume, and the URL in that pool only', (_name, spec, installation, path) => {
    const objects = render(spec, installation);
    expect(workload(objects, 'warehouse')?.kind).toBe('Deployment');
    expect(textOf(objects, 'warehouse')).toContain(`"path":"${path}"`);
    expect(textOf(objects, 'warehouse')).not.toMatch(/volumeClaimTemplates|warehouse\.duckdb/);
    expect(textOf(objects, 'extract') + textOf(objects, 'clean')).not.toContain(path);
  });

  test('is reached by the workers that load and by no others', () => {
    const egress = (pool: string) =>
      render(usual, withServer)
        .filter(({ kind, metadata }) => kind === 'NetworkPolicy' && metadata.name === `quay-${pool}`)
        .flatMap(({ spec }) => spec?.egress as Json[]);
    const port = { ports: [{ protocol: 'TCP', port: 5432 }] };
    expect(egress('warehouse')).toContainEqual(port);
    expect([...egress('clean'), ...egress('extract')]).not.toContainEqual(port);
  });

  test('of the installation is not for a Pipeline that says it wants an embedded one', () => {
    const objects = render(`${usual}\n  warehouse: {duckdb: {}}\n`, withServer);
    expect(workload(objects, 'warehouse')?.kind).toBe('StatefulSet');
    expect(textOf(objects, 'warehouse')).not.toContain('tables');
  });
});

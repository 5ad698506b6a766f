/** `npm run generate`: writes the files that are made from code. A test fails when one of them is out of date. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { importedTypes } from '../cdk8s/imports/generate.ts';
import { generatedFiles } from '../src/api/generate/index.ts';
import { installationPage } from '../src/controller/kubernetes/installationPage.ts';
import { permissionsFile } from '../src/controller/kubernetes/permissions.ts';
import { alertRules } from '../src/observability/alertRules.ts';
import { metricsPage } from '../src/observability/metricsPage.ts';
import { dashboardFiles } from './dashboards/index.ts';
import { valuesSchema } from './valuesSchema.ts';

const root = join(import.meta.dirname, '..');
const chart = 'charts/jobpulse';
/** A chart holds nothing from outside its folder. */
const definitions = [...generatedFiles()]
  .filter(([path]) => path.startsWith('crds/'))
  .map(([path, text]) => [`${chart}/files/${path}`, text] as const);
const others = [
  ...definitions,
  [`${chart}/values.schema.json`, valuesSchema(await readFile(join(root, chart, 'values.yaml'), 'utf8'))],
  ['docs/reference/metrics.md', metricsPage()],
  ['docs/reference/installation.md', installationPage()],
  [`${chart}/files/alerts.yaml`, alertRules()],
  [`${chart}/files/permissions.yaml`, permissionsFile()],
  ...importedTypes(await readFile(join(root, chart, 'values.yaml'), 'utf8')),
  ...[...dashboardFiles()].map(([name, text]) => [`${chart}/files/dashboards/${name}`, text] as const),
] as const;
for (const [path, text] of [...generatedFiles(), ...others]) {
  await mkdir(dirname(join(root, path)), { recursive: true });
  await writeFile(join(root, path), text);
  console.log(`${path}: ${Buffer.byteLength(text)} bytes`);
}

/**
 * `npm run synth`: writes an installation and the examples into `dist/cdk8s`, or the folder that is named. With
 * `JOBPULSE_SEED` the installation has a Redis of its own, whose passwords follow from that: then keep the output to yourself.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { App, Chart, YamlOutputType } from 'cdk8s';
import { coresignal } from './examples/coresignal.ts';
import { googleCloud } from './examples/googleCloud.ts';
import { installation } from './examples/installation.ts';
import { usajobs } from './examples/usajobs.ts';
import { vacancies } from './examples/vacancies.ts';

/** Everything that is synthesised here, a file for each chart. */
export function synthesise(outdir: string, seed = process.env.JOBPULSE_SEED): void {
  mkdirSync(outdir, { recursive: true });
  const app = new App({ outdir, yamlOutputType: YamlOutputType.FILE_PER_CHART });
  for (const [name, build] of Object.entries({ coresignal, usajobs, vacancies })) build(new Chart(app, name));
  installation(new Chart(app, 'installation'), { namespace: 'jobpulse', ...(seed && { seed }) });
  googleCloud(new Chart(app, 'google-cloud'), seed);
  app.synth();
}

if (import.meta.main) {
  const outdir = process.argv[2] ?? join(import.meta.dirname, '..', 'dist', 'cdk8s');
  synthesise(outdir);
  console.log(`written to ${outdir}`);
}

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { RunReport } from '../../src/run/report.ts';
import { ask, filesWith, jobpulse, temporaryFolder } from './harness.ts';

const manifest = `
apiVersion: jobpulse.dev/v1alpha1
kind: Pipeline
metadata: {name: registry}
spec:
  privacy: {pseudonymKey: {secretKeyRef: {name: registry, key: person-key}}}
  datasets:
    - name: job_seekers
      key: [person_key]
      extract: {files: {paths: [registry.csv]}}
      format: {csv: {delimiter: ";"}}
      clean:
        nulls: ["", ninguno]
        columns:
          - {name: document_type, type: string, from: Tipo Documento, required: true, case: Upper, privacy: Identifier}
          - {name: document_number, type: string, from: Número Documento, required: true, privacy: Identifier}
          - {name: person_key, type: string, pseudonym: [document_type, document_number]}
          - {name: age, type: integer, from: Edad, min: "14", max: "110"}
          - {name: age_band, type: string, bands: {of: age, edges: [18, 29, 60], labels: ["<18", "18-28", "29-59", "60+"]}}
          - name: populations
            type: list<string>
            privacy: Special
            flags:
              from: [Condiciones Especiales, Tipo Documento]
              match: [{value: vca, pattern: "conflicto armado"}, {value: migrante, pattern: "^ppt$"}]
          - {name: disabilities, type: list<string>, from: Detalle Discapacidades, split: ","}
      load: {mode: Merge, onMissing: Mark}
  transform:
    models:
      - name: by_band
        materialize: Table
        sql: SELECT age_band, count(*) AS people FROM job_seekers WHERE _removed_at IS NULL GROUP BY ALL
`;

/** Made-up people; whose number is missing is for the staff to mend. */
const registry = `Tipo Documento;Número Documento;Edad;Condiciones Especiales;Detalle Discapacidades
cc;7700100201;17;Víctima del Conflicto Armado;Física, Visual
PPT;7700100202;60;ninguno;
CC;;33;;
`;

const key = 'canary-key-of-pseudonyms-55e0';

test('people are known by pseudonyms: their numbers are in no table and no clean file, and the key is nowhere', async () => {
  const [folder, dataDir] = [temporaryFolder(), temporaryFolder()];
  writeFileSync(join(folder, 'registry.csv'), registry);
  writeFileSync(join(folder, 'pipeline.yaml'), manifest);
  const args = ['run', join(folder, 'pipeline.yaml'), '--data-dir', dataDir, '-o', 'json'];

  const keyless = await jobpulse(args);
  expect(keyless).toMatchObject({ code: 2, stdout: '' });
  expect(keyless.stderr).toContain('secret registry, key person-key is missing: set the environment variable');

  const env = { REGISTRY_PERSON_KEY: key, LOG_LEVEL: 'trace' };
  const first = await jobpulse(args, env);
  expect(first.code, first.stderr).toBe(0);
  const report = JSON.parse(first.stdout) as RunReport;
  expect(report.datasets).toMatchObject([{ read: 3, rejectedBy: { 'required:document_number': 1 }, added: 2 }]);
  expect(
    await ask(
      dataDir,
      'SELECT * EXCLUDE (person_key) FROM (SELECT COLUMNS(c -> c[1] <> $$_$$) FROM registry.job_seekers) ORDER BY age',
    ),
  ).toMatchObject([
    { age: 17, age_band: '<18', populations: ['vca'], disabilities: ['Física', 'Visual'] },
    { age: 60, age_band: '60+', populations: ['migrante'], disabilities: null },
  ]);
  const named = await ask(
    dataDir,
    "SELECT column_name FROM information_schema.columns WHERE column_name LIKE 'document%'",
  );
  expect(named).toEqual([]);

  const holding = filesWith(join(dataDir, 'lake'), '7700100201').map((path) => path.slice(dataDir.length + 1));
  expect(holding).toEqual([expect.stringMatching(/^lake\/default\/registry\/raw\//)]);
  const files = join(dataDir, 'lake/default/registry/clean/job_seekers/**/*.parquet');
  const found = await ask(dataDir, `SELECT DISTINCT name FROM parquet_schema('${files}')`);
  const names = found.map(({ name }) => name);
  expect(names).toContain('person_key');
  expect(names).not.toContain('document_number');
  for (const text of [first.stdout, first.stderr]) expect(text).not.toMatch(/7700100201|canary-key/);
  expect(filesWith(dataDir, key)).toEqual([]);

  const again = JSON.parse((await jobpulse(args, env)).stdout) as RunReport;
  expect(again.datasets).toMatchObject([{ added: 0, modified: 0, unchanged: 2 }]);
});

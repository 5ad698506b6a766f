import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { RunReport } from '../../src/run/report.ts';
import { ask, jobpulse, root, temporaryFolder } from './harness.ts';

/** Records of the real service, byte for byte. They are no part of the project. */
const recorded = join(root, '..', 'shared', 'data', 'coresignal');
const isMissing = !existsSync(recorded);

interface RecordedJob {
  readonly id: number;
  readonly title: string;
  readonly company_name: string;
  readonly deleted: number | boolean;
  readonly last_updated: string;
}

/** Control characters stand in some of the texts as they are. */
const recordOf = (file: string): RecordedJob =>
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out
  JSON.parse(readFileSync(join(recorded, file), 'utf8').replace(/[\x00-\x1f]/g, ' ')) as RecordedJob;

/** Finds all records once, and gives each as it was recorded. */
async function startReplay(): Promise<string> {
  const ids = readdirSync(recorded).map((file) => Number(file.replace('.json', '')));
  const server = createServer((request, response) => {
    const id = /\/collect\/(\d+)$/.exec(request.url ?? '')?.[1];
    response.setHeader('content-type', 'application/json');
    response.setHeader('x-total-results', String(ids.length));
    response.end(id === undefined ? JSON.stringify(ids) : readFileSync(join(recorded, `${id}.json`)));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

describe.skipIf(isMissing)(`recorded records of Coresignal${isMissing ? ` (none in ${recorded})` : ''}`, () => {
  test('are loaded with the right types, or rejected with the reason', async () => {
    const url = await startReplay();
    const dataDir = temporaryFolder();
    const at = [0, 1].flatMap((index) => ['--set', `spec.datasets[${index}].extract.rest.baseUrl=${url}`]);
    const window = ['--set', 'spec.datasets[0].extract.window.lookback=0'];
    const manifest = join(root, 'examples', 'coresignal', 'pipeline.yaml');
    const ended = await jobpulse(['run', manifest, '--data-dir', dataDir, '-o', 'json', ...at, ...window], {
      CORESIGNAL_API_KEY: 'made-up',
    });
    expect(ended.code, ended.stderr).toBeLessThanOrEqual(3);
    const report = JSON.parse(ended.stdout) as RunReport;
    const details = report.datasets[1];
    expect(report.conserved).toBe(true);
    const records = readdirSync(recorded).map(recordOf);
    const good = records.filter(({ company_name }) => company_name !== '');
    expect(details).toMatchObject({
      ...{ read: records.length, clean: good.length, rejected: records.length - good.length },
      rejectedBy: { 'required:company_name': records.length - good.length },
    });
    const rows = await ask(
      dataDir,
      `SELECT job_id::VARCHAR AS id, title, is_deleted::VARCHAR AS deleted, typeof(is_deleted) AS type,
              strftime(last_updated, '%Y-%m-%d %H:%M:%S') AS updated,
              regexp_matches(description, '[\\x00-\\x08]')::VARCHAR AS control
       FROM coresignal.jobdetails ORDER BY job_id`,
    );
    const expected = good.map(({ id, title, deleted, last_updated }) => ({
      ...{ id: String(id), title, deleted: String(Boolean(Number(deleted))), type: 'BOOLEAN' },
      ...{ updated: last_updated, control: 'false' },
    }));
    expect(rows).toEqual(expected.toSorted((one, other) => Number(one.id) - Number(other.id)));
  });
});

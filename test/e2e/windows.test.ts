import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { RunReport } from '../../src/run/report.ts';
import type { PlanSummary } from '../../src/run/summary.ts';
import { ask, jobpulse, onlyDataset, temporaryFolder } from './harness.ts';

const hour = 3_600_000;
/** Where the period begins that the tests are about. */
const start = Math.floor(Date.now() / hour) * hour - 5 * hour;
const iso = (at: number): string => new Date(at).toISOString();

/** A source that can be asked about a period: an event every ten minutes, and a word about one that changes each hour. */
async function openSource() {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    const query = new URL(request.url ?? '', 'http://source').searchParams;
    const [since, until] = [Date.parse(query.get('since') ?? ''), Date.parse(query.get('until') ?? '')];
    asked.push(`${iso(since)}/${iso(until)}`);
    const times = Array.from({ length: (until - since) / (hour / 6) }, (_, at) => since + (at * hour) / 6);
    const events = times.flatMap((at) => [
      { id: `e${at}`, at: iso(at) },
      ...(at % hour === 0 ? [{ id: 'clock', at: iso(at) }] : []),
    ]);
    response.setHeader('content-type', 'application/json').end(JSON.stringify(events));
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  onTestFinished(() => void server.close());
  return { asked, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

const manifest = (url: string, start: number, window: string): string => `
apiVersion: jobpulse.dev/v1alpha1
kind: Pipeline
metadata: {name: events}
spec:
  datasets:
    - name: events
      key: [id]
      extract:
        window: {start: "${iso(start)}", every: 1h, ${window}}
        rest:
          baseUrl: ${url}
          path: /events
          query: {since: "{{ slice.start }}", until: "{{ slice.end }}"}
      format: {json: {records: "$[*]"}}
      clean:
        columns:
          - {name: id, type: string, from: $.id, required: true}
          - {name: at, type: timestamp, from: $.at, required: true}
      load: {mode: Merge}
`;

test('a source that can be asked about periods: newest first, the rest by the next run, each period once', async () => {
  const { asked, url } = await openSource();
  const folder = temporaryFolder();
  const file = join(folder, 'events.yaml');
  writeFileSync(file, manifest(url, start, 'maxSlicesPerRun: 2'));
  const dataDir = join(folder, 'data');
  const missing = async () => {
    const { stdout } = await jobpulse(['plan', file, '--data-dir', dataDir, '-o', 'json']);
    return (JSON.parse(stdout) as PlanSummary).datasets[0]?.extract.slices;
  };
  const run = async (): Promise<RunReport> => {
    const { code, stdout, stderr } = await jobpulse(['run', file, '--data-dir', dataDir, '-o', 'json']);
    if (code !== 0) throw new Error(`exit ${code}\n${stdout}\n${stderr}`);
    return JSON.parse(stdout) as RunReport;
  };
  const hours = (await missing()) ?? 0;
  expect(hours).toBeGreaterThanOrEqual(5);
  const first = await run();
  expect(onlyDataset(first)).toMatchObject({ slices: 2, requests: 2, slicesMissing: hours - 2 });
  expect(first.why.map(({ reason }) => reason)).toContain('SlicesMissing');
  expect(asked).toEqual(asked.toSorted().reverse());
  for (let left = hours - 2; left > 0; left -= 2) await run();
  expect(asked.length).toBe(new Set(asked).size);
  // An hour may have ended since.
  expect((await missing()) ?? 9).toBeLessThanOrEqual(1);
  expect(asked.toSorted()[0]).toBe(`${iso(start)}/${iso(start + hour)}`);
  // Asked for newest first, and yet the newest word is the one that stays.
  const [row] = await ask(
    dataDir,
    `SELECT count(*)::INTEGER AS n, max("at") FILTER (WHERE id = 'clock') AS clock, max("at") FILTER (WHERE extract('minute' FROM "at") = 0) AS newest FROM events.events`,
  );
  expect(row?.n).toBe(6 * asked.length + 1);
  expect(String(row?.clock)).toBe(String(row?.newest));
}, 120_000);

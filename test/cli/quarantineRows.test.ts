import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { exportQuarantine, listQuarantine } from '../../src/cli/quarantineRows.ts';
import { literal, rows, withMemoryDatabase } from '../../src/connectors/duckdb.ts';
import { filesystemStore } from '../../src/connectors/stores/filesystem.ts';
import { type Lake, manifestDigest, publish } from '../../src/lake/lake.ts';
import { layout } from '../../src/lake/layout.ts';
import type { Manifest } from '../../src/run/types.ts';
import { cleaned, extracted, manifest } from '../run/reportManifests.ts';

let folder: string;
let lake: Lake;
const signal = AbortSignal.timeout(60_000);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'quarantine-'));
  lake = { store: filesystemStore(join(folder, 'lake')), pipeline: 'default/usajobs' };
  await publishRejected('2026-11-19T12:00:00.000Z', 'old', [rejected('9', 'required', 'position_uri', null)]);
  await publishRejected('2026-11-20T12:00:00.000Z', 'new', [
    rejected('1', 'required', 'position_uri', null),
    rejected('2', 'required', 'position_uri', null),
    rejected('3', 'range', 'min_pay', '-1, "minus" one'),
  ]);
});
afterAll(() => rm(folder, { recursive: true }));

const inDuckDB = <Result>(work: Parameters<typeof withMemoryDatabase<Result>>[2]) =>
  withMemoryDatabase({ folders: [folder], memory: '256MB', temporary: folder }, signal, work);

/** A rejected row as the clean stage keeps it. */
const rejected = (key: string, rule: string, column: string, found: string | null) => ({
  ...{ _key: key, record: JSON.stringify({ id: Number(key), title: 'Synthetic clerk' }) },
  ...{ reasons: JSON.stringify([{ column, rule, found }]), _source_uri: 'http://source.test/?page=1' },
  _source_row: Number(key),
});

async function publishRejected(asOf: string, name: string, records: readonly object[], to = lake): Promise<void> {
  const file = join(folder, `${name}.parquet`);
  const values = literal(JSON.stringify(records));
  await inDuckDB(async (connection) => {
    const select = `SELECT unnest(from_json(${values}, '[{"_key":"VARCHAR","record":"VARCHAR","reasons":"VARCHAR","_source_uri":"VARCHAR","_source_row":"INTEGER"}]'), recursive := true), TIMESTAMP ${literal(asOf)} AS _as_of`;
    await connection.run(`COPY (${select}) TO ${literal(file)} (FORMAT parquet)`);
  });
  const path = layout.quarantine('postings', name);
  await to.store.putIfAbsent(path, { file });
  const slice = { asOf, params: '00000000' };
  const raw = manifest({ stage: 'Extract', key: `e-${name}`, slice, ledger: extracted() });
  const quarantine = [{ path, bytes: 1, rows: records.length }];
  const inputs = [manifestDigest(raw)];
  const clean: Manifest = manifest({ stage: 'Clean', key: `c-${name}`, slice, inputs, quarantine, ledger: cleaned() });
  await publish(to, raw);
  await publish(to, clean);
}

describe('listQuarantine', () => {
  test('counts the newest slice by reason, the most frequent first, without values', async () => {
    const groups = await listQuarantine(lake);
    expect(groups).toEqual([
      {
        ...{ dataset: 'postings', reason: 'required:position_uri', rows: 2, asOf: '2026-11-20T12:00:00.000Z' },
        source: expect.stringMatching(/^http:\/\/source\.test\/\?page=1#[12]$/),
      },
      {
        ...{ dataset: 'postings', reason: 'range:min_pay', rows: 1, asOf: '2026-11-20T12:00:00.000Z' },
        source: 'http://source.test/?page=1#3',
      },
    ]);
    expect(JSON.stringify(groups)).not.toContain('minus');
  });

  test('tells the value found only to who asks for it', async () => {
    const [group] = await listQuarantine(lake, { reason: 'range', values: true });
    expect(group).toMatchObject({ reason: 'range:min_pay', found: '-1, "minus" one' });
  });

  test('can be asked about one rule or one column of it', async () => {
    const reasons = async (reason: string) => (await listQuarantine(lake, { reason })).map((group) => group.reason);
    expect(await reasons('required')).toEqual(['required:position_uri']);
    expect(await reasons('range:min_pay')).toEqual(['range:min_pay']);
    expect(await reasons('range:max_pay')).toEqual([]);
  });

  test('names the datasets there are when it is asked for another', async () => {
    await expect(listQuarantine(lake, { dataset: 'postngs' })).rejects.toThrow(
      'default/usajobs has cleaned no dataset "postngs"; there are postings',
    );
  });
});

describe('exportQuarantine', () => {
  const keep = (name: string) => join(folder, 'out', name);

  test.each([
    ['csv', 'read_csv'],
    ['jsonl', 'read_json'],
    ['parquet', 'read_parquet'],
  ] as const)('writes %s with every rejected row of the newest slice', async (format, reader) => {
    const out = keep(`rejected.${format}`);
    expect(await exportQuarantine(lake, { dataset: 'postings', format, out })).toBe(3);
    const found = await inDuckDB((connection) =>
      rows(
        connection,
        `SELECT _key::VARCHAR AS key, json_extract_string(record::JSON, '$.title') AS title,
                json_extract_string(reasons::JSON, '$[0].rule') AS rule, _source_row::INTEGER AS row
         FROM ${reader}(${literal(out)}) ORDER BY key`,
      ),
    );
    expect(found).toEqual([
      { key: '1', title: 'Synthetic clerk', rule: 'required', row: 1 },
      { key: '2', title: 'Synthetic clerk', rule: 'required', row: 2 },
      { key: '3', title: 'Synthetic clerk', rule: 'range', row: 3 },
    ]);
  });

  test('writes records as JSON in JSON lines, and leaves no other file', async () => {
    const out = keep('rejected.jsonl');
    await exportQuarantine(lake, { dataset: 'postings', format: 'jsonl', out });
    const [first] = (await readFile(out, 'utf8')).split('\n');
    expect(JSON.parse(first ?? '')).toMatchObject({ record: { id: 1 }, reasons: [{ rule: 'required' }] });
    expect((await readdir(keep('.'))).filter((name) => name.includes('tmp'))).toEqual([]);
  });

  test('keeps a record that is no JSON, as text', async () => {
    const broken = { ...rejected('7', 'malformed', '', 'line 3'), record: '{"id": 7, "title": "Synth' };
    const other = { store: filesystemStore(join(folder, 'other')), pipeline: 'default/other' };
    await publishRejected('2026-11-20T12:00:00.000Z', 'broken', [broken], other);
    const out = keep('broken.jsonl');
    await exportQuarantine(other, { dataset: 'postings', format: 'jsonl', out });
    expect(JSON.parse(await readFile(out, 'utf8'))).toMatchObject({ record: broken.record });
  });

  test('writes no file when retention has taken the rejected rows', async () => {
    const swept = { ...lake, store: { ...lake.store, list: onlyManifests } };
    const out = keep('none.csv');
    expect(await exportQuarantine(swept, { dataset: 'postings', format: 'csv', out })).toBe(0);
    await expect(readFile(out)).rejects.toThrow('ENOENT');
  });

  test('reads from a store that has no files on this machine', async () => {
    const { localPath: _, ...remote } = lake.store;
    const out = keep('remote.csv');
    expect(await exportQuarantine({ ...lake, store: remote }, { dataset: 'postings', format: 'csv', out })).toBe(3);
  });
});

/** The lake after a sweep took the quarantine. */
async function* onlyManifests(prefix: string) {
  for await (const object of lake.store.list(prefix)) if (!object.path.startsWith('quarantine/')) yield object;
}

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { zstdCompress } from 'node:zlib';
import type { Format } from '../api/index.ts';
import { literal, literals, rows } from '../connectors/duckdb.ts';
import { TerminalError } from '../run/errors.ts';
import { jsonFields } from './jsonFields.ts';
import { parseJsonPath } from './jsonPath.ts';
import { mendJson } from './mendJson.ts';
import type { Body, Records, Source, Want } from './records.ts';
import { readText } from './text.ts';

const compress = promisify(zstdCompress);
const defaultObjectBytes = 16 * 2 ** 20;

/** Reads bodies that are one JSON document each. Records are where a JSONPath finds them. */
export async function readJson(
  source: Source,
  options: NonNullable<Format['json']>,
  wants: readonly Want[],
): Promise<Records> {
  const records = parseJsonPath(options.records);
  await readDocuments(source);
  await refuseOtherThanOne(source);
  await refuseWithoutRecords(source, options.records, records.path);
  const list = `json_extract(document, ${literal(records.path)})`;
  await source.connection.run(
    `CREATE TABLE _records AS
     SELECT _file, generate_subscripts(found, 1) AS _source_row, NULL::VARCHAR AS _broken, NULL::VARCHAR AS _found, unnest(found) AS record
     FROM (SELECT _file, ${records.many ? list : `[${list}]`} AS found FROM _documents)`,
  );
  await source.connection.run('DROP TABLE _documents');
  return {
    fields: jsonFields('_records', wants),
    raw: '(SELECT _file, _source_row, record::VARCHAR AS record FROM _records)',
    absent: [],
    notices: [],
  };
}

/** Reads all documents at once. One that DuckDB refuses is mended, once, and all are read again. */
async function readDocuments(source: Source): Promise<void> {
  const locals = new Map(source.bodies.map((body) => [body.file, body.local]));
  for (;;) {
    try {
      return await createDocuments(source, locals);
    } catch (error) {
      const body = source.bodies.find(({ file }) => String(error).includes(`"${locals.get(file)}"`));
      if (!body) throw error;
      if (locals.get(body.file) !== body.local) throw malformed(body, error);
      locals.set(body.file, await mended(source, body, error));
    }
  }
}

async function createDocuments({ connection, bodies }: Source, locals: ReadonlyMap<number, string>): Promise<void> {
  if (bodies.length === 0) {
    await connection.run('CREATE TABLE _documents(_file INTEGER, document JSON)');
    return;
  }
  const size = Math.max(defaultObjectBytes, ...bodies.map(({ meta }) => meta.bytes + 1));
  const paths = bodies.map(({ file }) => locals.get(file) ?? '');
  const files = bodies.map(({ file }, at) => `(${file}, ${literal(paths[at] ?? '')})`);
  await connection.run(
    `CREATE TABLE _documents AS SELECT _file, json AS document
     FROM read_json_objects(${literals(paths)}, format = 'unstructured', compression = 'zstd', filename = true, maximum_object_size = ${size})
     JOIN (VALUES ${files.join(', ')}) AS _files(_file, _path) ON _path = filename`,
  );
}

async function mended({ scratch, signal }: Source, body: Body, error: unknown): Promise<string> {
  const text = (await readText(body, 'utf-8', signal)).toString('utf8');
  const better = mendJson(text);
  try {
    JSON.parse(better);
  } catch {
    throw malformed(body, error);
  }
  const local = join(scratch, `mended-${body.file}.json.zst`);
  await writeFile(local, await compress(better));
  return local;
}

async function refuseOtherThanOne({ connection, bodies }: Source): Promise<void> {
  const counted = await rows(connection, 'SELECT _file, count(*)::INTEGER AS documents FROM _documents GROUP BY _file');
  const documents = new Map(counted.map(({ _file, documents }) => [_file, documents]));
  for (const body of bodies) {
    const found = documents.get(body.file) ?? 0;
    if (found === 1) continue;
    throw new TerminalError(
      'MalformedJson',
      `${where(body)} holds ${found} JSON documents instead of one${found === 0 ? '' : '; if it has one a line, the format is jsonl'}`,
    );
  }
}

/** An answer without the place of the records is not an answer without records: it is an error page or a changed API. */
async function refuseWithoutRecords({ connection, bodies }: Source, wanted: string, path: string): Promise<void> {
  const place = path.replace(/\[\*\]$|\.\*$/, '');
  if (place.includes('*')) return;
  const allowed = path === place ? 'true' : `type IN ('NULL', '${path.endsWith(']') ? 'ARRAY' : 'OBJECT'}')`;
  const [wrong] = await rows(
    connection,
    `SELECT _file, coalesce(lower(type), 'nothing') AS found
     FROM (SELECT _file, json_type(document, ${literal(place)}) AS type FROM _documents)
     WHERE type IS NULL OR NOT ${allowed} ORDER BY _file LIMIT 1`,
  );
  const body = bodies.find(({ file }) => file === wrong?._file);
  if (!body) return;
  throw new TerminalError(
    'RecordsMissing',
    `${where(body)} has ${String(wrong?.found)} where format.json.records, ${wanted}, looks for records`,
  );
}

const where = ({ meta }: Body): string => `the body of ${meta.uri} (sha256 ${meta.sha256})`;

function malformed(body: Body, error: unknown): TerminalError {
  const [, why = 'cannot be parsed'] = /Malformed JSON in file ".*", (at byte .*)$/m.exec(String(error)) ?? [];
  return new TerminalError('MalformedJson', `${where(body)} is not JSON: ${why}`);
}

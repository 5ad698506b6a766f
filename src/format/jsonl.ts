import { join } from 'node:path';
import { BrokenRows, closeInOrder } from './brokenRows.ts';
import { jsonFields } from './jsonFields.ts';
import { LineScanner } from './lineScanner.ts';
import { type Body, foundLength, type Records, type Source, type Want } from './records.ts';
import { RowFile } from './rowFile.ts';
import { openText } from './text.ts';

/** Reads bodies with one JSON value in each line. A line that is none goes to quarantine; the others stay. */
export async function readJsonLines(source: Source, wants: readonly Want[]): Promise<Records> {
  const broken = new BrokenRows(join(source.scratch, 'broken-jsonl'));
  const lines = new RowFile(join(source.scratch, 'lines'), (file, line, text) =>
    broken.add(file, line, 'encoding', text),
  );
  try {
    for (const body of source.bodies) await readBody(source, body, lines, broken);
  } finally {
    await closeInOrder([lines, broken]);
  }
  await createRecords(source, lines);
  return {
    fields: `(${[`SELECT * FROM ${jsonFields('_records', wants)}`, ...broken.fields(wants)].join(' UNION ALL ')})`,
    raw: `(${['SELECT _file, _source_row, coalesce(json(record), to_json(text))::VARCHAR AS record FROM _records', ...broken.raw()].join(' UNION ALL ')})`,
    count: lines.rows + broken.rows,
    absent: [],
    notices: broken.notices('JSON is written in UTF-8'),
  };
}

async function readBody({ signal }: Source, body: Body, lines: RowFile, broken: BrokenRows): Promise<void> {
  const scanner = new LineScanner({
    line: (number, text) => lines.add(body.file, number, text),
    broken: (number, text) => broken.add(body.file, number, 'json', text),
  });
  for await (const chunk of openText(body, 'utf-8', signal)) {
    scanner.push(chunk);
    await lines.flush();
    await broken.flush();
  }
  scanner.end();
}

async function createRecords({ connection }: Source, lines: RowFile): Promise<void> {
  const from =
    lines.rows === 0 ? '(SELECT 0 AS _file, 0::BIGINT AS _source_row, NULL AS text WHERE false)' : lines.sql(['text']);
  await connection.run(
    `CREATE TABLE _records AS
     SELECT _file, _source_row, CASE WHEN NOT valid THEN 'json' END AS _broken, CASE WHEN NOT valid THEN left(text, ${foundLength}) END AS _found,
       CASE WHEN valid THEN text::JSON END AS record, CASE WHEN NOT valid THEN text END AS text
     FROM (SELECT *, json_valid(text) AS valid FROM ${from})`,
  );
}

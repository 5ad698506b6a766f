import { isUtf8 } from 'node:buffer';
import { join } from 'node:path';
import type { Format } from '../api/index.ts';
import { literal } from '../connectors/duckdb.ts';
import { TerminalError } from '../run/errors.ts';
import { BrokenRows, closeInOrder } from './brokenRows.ts';
import { type CsvDialect, CsvScanner, type CsvSink } from './csvScanner.ts';
import { normalizeHeader, normalizeHeaders } from './header.ts';
import type { AbsentHeader, Body, Records, Source, Want } from './records.ts';
import { emptyFields, fieldColumns } from './relation.ts';
import { RowFile, restored } from './rowFile.ts';
import { openText } from './text.ts';

type CsvOptions = NonNullable<Format['csv']>;

/** Files with the same headers: one relation for DuckDB. */
interface Sheet {
  /** As in the file. */
  readonly headers: readonly string[];
  /** Normalised and unique; what `from` is compared with. */
  readonly names: readonly string[];
  readonly uri: string;
  readonly rows: RowFile;
}

/** Reads delimited text. Columns are found by their header, compared normalised, whatever their order in each file. */
export async function readCsv(source: Source, options: CsvOptions, wants: readonly Want[]): Promise<Records> {
  const broken = new BrokenRows(join(source.scratch, 'broken-csv'));
  const sheets = new Map<string, Sheet>();
  try {
    for (const body of source.bodies) await readBody(source, body, options, sheets, broken);
  } finally {
    await closeInOrder([...[...sheets.values()].map(({ rows }) => rows), broken]);
  }
  const all = [...sheets.values()];
  const filled = all.filter(({ rows }) => rows.rows > 0);
  const fields = filled.map((sheet) => fieldsOf(sheet, wants));
  return {
    fields: `(${[emptyFields(wants), ...fields, ...broken.fields(wants)].join(' UNION ALL ')})`,
    raw: `(${[emptyRaw, ...filled.map(rawOf), ...broken.raw()].join(' UNION ALL ')})`,
    count: all.reduce((sum, { rows }) => sum + rows.rows, broken.rows),
    absent: all.flatMap((sheet) => absentOf(sheet, wants)),
    notices: [...driftOf(all, wants), ...broken.notices(latin1)],
  };
}

async function readBody(
  { scratch, signal }: Source,
  body: Body,
  options: CsvOptions,
  sheets: Map<string, Sheet>,
  broken: BrokenRows,
): Promise<void> {
  let sheet: Sheet | undefined;
  const open = (headers: readonly string[]): Sheet => {
    const key = JSON.stringify(headers);
    const known = sheets.get(key) ?? newSheet(headers, body, join(scratch, `sheet-${sheets.size}`), broken);
    sheets.set(key, known);
    return known;
  };
  const sink: CsvSink = {
    record(line, values) {
      const first = sheet === undefined;
      sheet ??= open(headersOf(values, options, body));
      if (!first || !options.header) sheet.rows.add(body.file, line, values);
    },
    broken(line, text) {
      if (!sheet && options.header) throw headerUnreadable(body, line);
      broken.add(body.file, line, 'csv', text);
    },
  };
  const scanner = new CsvScanner(dialectOf(options), sink);
  for await (const chunk of openText(body, options.encoding, signal)) {
    scanner.push(chunk);
    await sheet?.rows.flush();
    await broken.flush();
  }
  scanner.end();
  if (!sheet && options.header) throw headerUnreadable(body, 1);
}

const latin1 = 'if the source is Latin-1, set format.csv.encoding to latin-1';

const dialectOf = ({ delimiter, quote, skip }: CsvOptions): CsvDialect => ({
  delimiter: Buffer.from(delimiter),
  quote: Buffer.from(quote)[0],
  skip,
});

function headersOf(values: Buffer, { header, encoding }: CsvOptions, body: Body): string[] {
  if (header && !isUtf8(values)) {
    throw new TerminalError('EncodingWrong', `the header of ${body.meta.uri} is not ${encoding}; ${latin1}`);
  }
  const texts = values.toString('utf8').split('\x1f');
  return header ? texts.map((text) => text.replaceAll('\x1e', '\n')) : texts.map((_, at) => `column${at}`);
}

function newSheet(headers: readonly string[], { meta }: Body, path: string, broken: BrokenRows): Sheet {
  const rows = new RowFile(path, (file, line, values) => broken.add(file, line, 'encoding', values));
  return { headers, names: normalizeHeaders(headers), uri: meta.uri, rows };
}

const columnOf = (sheet: Sheet, { from }: Want): number => sheet.names.indexOf(normalizeHeader(from));

const texts = (sheet: Sheet): string[] => sheet.names.map((_, at) => `c${at}`);

function fieldsOf(sheet: Sheet, wants: readonly Want[]): string {
  const columns = fieldColumns(wants, (want) => {
    const at = columnOf(sheet, want);
    if (at === -1) return { value: 'NULL', odd: 'false' };
    const value = restored(`c${at}`);
    return { value: want.as === 'list' ? `CASE WHEN c${at} IS NOT NULL THEN [${value}] END` : value, odd: 'false' };
  });
  return `SELECT _file, _source_row, NULL, NULL, ${columns} FROM ${sheet.rows.sql(texts(sheet))}`;
}

const emptyRaw = `SELECT NULL::INTEGER AS _file, NULL::BIGINT AS _source_row, NULL::VARCHAR AS record WHERE false`;

/** Records for people to mend: under the headers they know; a header that comes twice is told apart by its name. */
function rawOf(sheet: Sheet): string {
  const labels = sheet.headers.map((header, at) => (sheet.headers.indexOf(header) === at ? header : sheet.names[at]));
  const members = labels.map((label, at) => `${literal(label ?? '')}, ${restored(`c${at}`)}`);
  return `SELECT _file, _source_row, json_object(${members.join(', ')})::VARCHAR FROM ${sheet.rows.sql(texts(sheet))}`;
}

const absentOf = (sheet: Sheet, wants: readonly Want[]): AbsentHeader[] =>
  wants.flatMap((want, at) =>
    columnOf(sheet, want) === -1 ? [{ want: at, uri: sheet.uri, headers: sheet.headers }] : [],
  );

function driftOf(sheets: readonly Sheet[], wants: readonly Want[]) {
  const known = new Set(wants.map(({ from }) => normalizeHeader(from)));
  const unknown = new Set(
    sheets.flatMap(({ headers, names }) => headers.filter((_, at) => !known.has(names[at] ?? ''))),
  );
  if (unknown.size === 0) return [];
  const shown = [...unknown].slice(0, 20).map((header) => JSON.stringify(header.trim()));
  const more = unknown.size > shown.length ? ` and ${unknown.size - shown.length} more` : '';
  return [
    { reason: 'SchemaDrift', message: `the source has columns that no column takes: ${shown.join(', ')}${more}` },
  ];
}

const headerUnreadable = ({ meta }: Body, line: number): TerminalError =>
  new TerminalError(
    'HeaderUnreadable',
    `${meta.uri} has no readable header in line ${line}; set format.csv.skip to the number of lines above it, ` +
      'format.csv.header to false if there is none, or format.csv.quote if another character encloses values',
  );

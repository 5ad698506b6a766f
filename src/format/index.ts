import type { Format } from '../api/index.ts';
import { TerminalError } from '../run/errors.ts';
import { readCsv } from './csv.ts';
import { readJson } from './json.ts';
import { readJsonLines } from './jsonl.ts';
import type { Records, Source, Want } from './records.ts';

/** Makes the bodies of a step into records of the database. A format is added by one file and one line here. */
export async function readRecords(source: Source, format: Format, wants: readonly Want[]): Promise<Records> {
  if (format.json) return readJson(source, format.json, wants);
  if (format.jsonl) return readJsonLines(source, wants);
  if (format.csv) return readCsv(source, format.csv, wants);
  const [name = 'none'] = Object.keys(format);
  throw new TerminalError('NotBuilt', `format ${name} is not built yet; there are json, jsonl and csv`);
}

import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parseDocument } from 'yaml';
import { type Pipeline, parsePipeline, problemText } from '../api/index.ts';
import { readModels } from '../connectors/warehouses/analyse.ts';
import { CliError, exitCodes } from './exit.ts';

/** A manifest that may be run. */
export interface LoadedManifest {
  readonly pipeline: Pipeline;
  /** Where relative paths of `files` sources begin: beside the manifest. */
  readonly filesRoot: string;
}

/** `path=value`, as `--set` takes it. */
export type Override = readonly [path: string, value: string];

/** Reads and checks a manifest, with overrides in place. Everything wrong with it is told at once (exit code 2). */
export async function loadManifest(file: string, overrides: readonly Override[] = []): Promise<LoadedManifest> {
  const parsed = parsePipeline(withOverrides(readManifest(file), overrides), file);
  if (!parsed.ok) throw invalid(file, parsed.problems.map(problemText));
  const { problems } = await readModels(parsed.pipeline);
  if (problems.length > 0)
    throw invalid(
      file,
      problems.map(({ path, message }) => `${file}: ${path}: ${message}`),
    );
  return { pipeline: parsed.pipeline, filesRoot: dirname(resolve(file)) };
}

function readManifest(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    const why = code === 'ENOENT' ? 'there is no such file' : code === 'EISDIR' ? 'that is a folder' : String(code);
    throw new CliError(exitCodes.invalid, `${file}: ${why}; name the YAML file of a Pipeline`);
  }
}

/** Applies `--set spec.datasets[0].extract.rest.baseUrl=…`: text stays text, other values are read as YAML. */
export function withOverrides(source: string, overrides: readonly Override[]): string {
  if (overrides.length === 0) return source;
  const document = parseDocument(source);
  if (document.errors.length > 0) return source; // the parser that comes next says what is wrong
  for (const [path, value] of overrides) {
    const keys = [...path.matchAll(/([^.[\]]+)|\[(\d+)\]/g)].map(([, name, index]) => name ?? Number(index));
    const before: unknown = document.getIn(keys);
    try {
      document.setIn(keys, typeof before === 'string' ? value : parseDocument(value).toJS());
    } catch {
      throw new CliError(exitCodes.invalid, `--set ${path}: the manifest has nothing at that path to set a value in`);
    }
  }
  return String(document);
}

const invalid = (file: string, problems: readonly string[]): CliError =>
  new CliError(exitCodes.invalid, [`${file} is not valid:`, ...problems.map((problem) => `  ${problem}`)].join('\n'));

import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { checkPipeline, type Locate, problemText, readYaml } from '../api/index.ts';
import type { LoadedManifest } from '../controller/standalone/manifests.ts';
import { CliError, exitCodes } from './exit.ts';
import { keysOf, type Override, withOverrides } from './overrides.ts';
import { sqlProblems } from './sqlProblems.ts';

export type { Override } from './overrides.ts';

/** Reads and checks a manifest, with overrides in place. Everything wrong with it is told at once (exit code 2). */
export async function loadManifest(file: string, overrides: readonly Override[] = []): Promise<LoadedManifest> {
  const yaml = readYaml(readManifest(file), file);
  if (!yaml.ok) throw invalid(file, yaml.problems.map(problemText));
  const locate = besides(overrides, yaml.locate);
  const checked = checkPipeline(withOverrides(yaml.value, overrides), { locate });
  if (!checked.ok) throw invalid(file, checked.problems.map(problemText));
  const problems = await sqlProblems(checked.pipeline);
  if (problems.length > 0) {
    throw invalid(
      file,
      problems.map(({ path, message }) => `${placeText(locate(keysOf(path)))}${path}: ${message}`),
    );
  }
  return { pipeline: checked.pipeline, filesRoot: dirname(resolve(file)) };
}

/** Finds lines in the file, but not for what was set from outside: it does not stand there. */
const besides =
  (overrides: readonly Override[], locate: Locate): Locate =>
  (at) => {
    const isSet = overrides.some(([path]) => keysOf(path).every((key, index) => key === at[index]));
    return isSet ? undefined : locate(at);
  };

const placeText = (place: ReturnType<Locate>): string =>
  place === undefined ? '' : `${place.file}:${place.line}:${place.column}: `;

function readManifest(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    const why = code === 'ENOENT' ? 'there is no such file' : code === 'EISDIR' ? 'that is a folder' : String(code);
    throw new CliError(exitCodes.invalid, `${file}: ${why}; name the YAML file of a Pipeline`);
  }
}

const invalid = (file: string, problems: readonly string[]): CliError =>
  new CliError(exitCodes.invalid, [`${file} is not valid:`, ...problems.map((problem) => `  ${problem}`)].join('\n'));

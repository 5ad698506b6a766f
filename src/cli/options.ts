import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { InvalidArgumentError, Option } from 'commander';
import { durationPattern } from '../api/parseUnits.ts';
import type { Override } from './manifest.ts';

/** `--data-dir`: where lake, warehouse, queue and state of this machine are. */
export const dataDirOption = (): Option =>
  new Option('--data-dir <folder>', 'where lake, warehouse and state are kept')
    .env('JOBPULSE_DATA_DIR')
    .default(defaultDataDir(), '~/.local/share/jobpulse')
    .argParser((folder) => resolve(folder));

const defaultDataDir = (): string => join(process.env.XDG_DATA_HOME ?? join(homedir(), '.local', 'share'), 'jobpulse');

/** `-o json` for programs, text for people. */
export const outputOption = (): Option =>
  new Option('-o, --output <format>', 'what to print').choices(['text', 'json']).default('text');

/** `--set path=value`, repeatable. */
export const setOption = (): Option =>
  new Option('--set <path=value>', 'set a value of the manifest (repeatable)').argParser(pairs).default([]);

/** `--param k=v`, repeatable. */
export const paramOption = (): Option =>
  new Option('--param <name=value>', 'give a parameter of the pipeline a value (repeatable)')
    .argParser(pairs)
    .default([]);

/** `--from`: the first stage that works. */
export const fromOption = (): Option =>
  new Option('--from <stage>', 'first stage to do; what is before it is taken as it is')
    .choices(['Extract', 'Clean', 'Load', 'Transform'])
    .default('Extract');

/** How long something may take: `90s`, `10m`. */
export function durationArgument(text: string): string {
  if (durationPattern.test(text)) return text;
  throw new InvalidArgumentError('write a duration such as 90s, 10m or 2h');
}

function pairs(text: string, before: readonly Override[]): readonly Override[] {
  const at = text.indexOf('=');
  if (at <= 0) throw new InvalidArgumentError(`"${text}" is not name=value`);
  return [...before, [text.slice(0, at), text.slice(at + 1)]];
}

import pino, { type Logger } from 'pino';
import { TerminalError } from '../run/errors.ts';

/** `plain` for people, `json` for a log collector. */
export type LogFormat = 'plain' | 'json';

/** How and where a process logs. */
export interface LogOptions {
  /** The part of the program that speaks, such as `worker-clean`. */
  readonly name?: string;
  /** Replaces known secret values in a text; applied to every string of every line. */
  readonly redact?: (text: string) => string;
  /** Default: `LOG_FORMAT`, else plain. */
  readonly format?: LogFormat;
  /** Default: `LOG_LEVEL`, else info. */
  readonly level?: string;
  /** Default: standard error, because standard output is for results. */
  readonly to?: { write(line: string): unknown };
}

/** A logger of one process. What it was told to redact does not get out, in whatever field it is hidden. */
export function createLogger(options: LogOptions = {}): Logger {
  const { name, redact = (text) => text, to = process.stderr } = options;
  const format = oneOf('LOG_FORMAT', options.format ?? process.env.LOG_FORMAT ?? 'plain', ['plain', 'json']);
  const level = oneOf('LOG_LEVEL', options.level ?? process.env.LOG_LEVEL ?? 'info', levels);
  const print = format === 'json' ? (entry: Entry) => JSON.stringify(entry) : plainLine;
  // Redacting after serialization, value by value, catches errors, nested objects and child bindings alike.
  const write = (line: string) => to.write(`${print(redacted(JSON.parse(line), redact) as Entry)}\n`);
  return pino({ level, base: name === undefined ? null : { name } }, { write });
}

const levels = [...Object.values(pino.levels.labels), 'silent'];

function oneOf<Word extends string>(variable: string, word: string, allowed: readonly Word[]): Word {
  const known = allowed.find((each) => each === word);
  if (known === undefined) {
    throw new TerminalError('InvalidArgument', `${variable} is "${word}"; it can be ${allowed.join(', ')}`);
  }
  return known;
}

function redacted(value: unknown, redact: (text: string) => string): unknown {
  if (typeof value === 'string') return redact(value);
  if (Array.isArray(value)) return value.map((item) => redacted(item, redact));
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, redacted(member, redact)]));
}

/** A line as pino makes it; what is not named here was given by the caller. */
interface Entry {
  readonly level: number;
  readonly time: number;
  readonly name?: string;
  readonly msg?: string;
  readonly err?: { readonly message?: string; readonly stack?: string };
  readonly [field: string]: unknown;
}

/** `12:00:01 warn  worker-clean: message  run=usajobs-1 stage=Clean`, with an error's stack below. */
function plainLine({ level, time, name, msg, err, ...fields }: Entry): string {
  const clock = new Date(time).toISOString().slice(11, 19);
  const label = (pino.levels.labels[level] ?? String(level)).padEnd(5);
  const text = msg ?? err?.message ?? '';
  const told = Object.entries(fields).map(([field, value]) => `${field}=${plainValue(value)}`);
  const rest = told.length === 0 ? '' : `  ${told.join(' ')}`;
  const stack = err?.stack === undefined ? '' : `\n${err.stack}`;
  return `${clock} ${label} ${name === undefined ? '' : `${name}: `}${text}${rest}${stack}`;
}

const plainValue = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));

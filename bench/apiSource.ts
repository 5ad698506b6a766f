import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { request } from 'undici';

/** A running double of a search API, in a process of its own. */
export interface Source {
  readonly child: ChildProcess;
  readonly url: string;
  readonly key: string;
  readonly agent: string;
}

export interface Ledger {
  readonly requests: readonly { readonly at: string; readonly status: number }[];
}

export const startSource = (postings: number): Promise<Source> => startDouble('usajobs', { postings });

/** A double of `test/servers`, with options of its command line. */
export async function startDouble<Double>(
  name: string,
  options: Readonly<Record<string, number | true>>,
): Promise<Double & { readonly child: ChildProcess }> {
  const program = join(import.meta.dirname, '..', 'test', 'servers', name, 'main.ts');
  const args = Object.entries(options).map(([option, value]) =>
    value === true ? `--${option}` : `--${option}=${value}`,
  );
  return startServer(program, ['--with-parent', ...args]);
}

/** A program that serves until its standard input ends, and says in its first line, as JSON, where it is. */
export async function startServer<Server>(
  program: string,
  args: readonly string[] = [],
): Promise<Server & { readonly child: ChildProcess }> {
  const child = spawn(process.execPath, [program, ...args], { stdio: ['pipe', 'pipe', 'inherit'] });
  for await (const line of createInterface({ input: child.stdout })) return { child, ...JSON.parse(line) };
  throw new Error(`${program} ended before it was ready`);
}

/** What a whole read brings, sorted. */
export async function idsAtSource(source: Source): Promise<readonly string[]> {
  const found = (await control(source, 'GET', 'found')) as { readonly id: string }[];
  return [...new Set(found.map(({ id }) => id))].sort();
}

/** Tells the double how to behave, or asks what it has seen. */
export async function control(
  { url }: Pick<Source, 'url'>,
  method: 'GET' | 'POST',
  name: string,
  body?: object,
): Promise<unknown> {
  // A connection of its own: between rounds the double may have closed the one before.
  const options = { method, reset: true, ...(body && { body: JSON.stringify(body) }) };
  const response = await request(`${url}/_control/${name}`, options);
  if (response.statusCode !== 200) throw new Error(`${name}: ${await response.body.text()}`);
  return response.body.json();
}

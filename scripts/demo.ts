/**
 * `npm run demo`: the examples, end to end, against a double of the USAJOBS API on this machine.
 * With `--once` each example runs once; without, the source changes a little every few seconds until Ctrl-C.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';

interface Source {
  readonly url: string;
  readonly key: string;
  readonly agent: string;
}

const root = join(import.meta.dirname, '..');
const dataDir = process.env.JOBPULSE_DEMO_DIR ?? join(root, '.demo');
const pauseMs = 10_000;
const stop = new AbortController();
process.once('SIGINT', () => stop.abort());

const source = await startSource();
console.log(`A made-up USAJOBS answers at ${source.url}; everything the demo keeps is in ${dataDir}`);
let code = await look(source);
if (!process.argv.includes('--once')) {
  console.log(
    `\nThe source now changes a little every ${pauseMs / 1000} s, and each change is picked up. Ctrl-C ends the demo.`,
  );
  while (!stop.signal.aborted && code === 0) {
    await sleep(pauseMs, undefined, { signal: stop.signal }).catch(() => undefined);
    if (stop.signal.aborted) break;
    await change(source);
    code = await look(source);
  }
}
console.log(`\nLook inside: the tables are in ${join(dataDir, 'warehouse.duckdb')} (schemas usajobs and vacancies).`);
process.exit(code);

/** Runs every example once; 0 when all of them did what they should. */
async function look(from: Source): Promise<number> {
  const usajobs = [
    'run',
    'examples/usajobs/pipeline.yaml',
    '--set',
    `spec.datasets[0].extract.rest.baseUrl=${from.url}`,
  ];
  const codes = [await jobpulse(usajobs, from), await jobpulse(['run', 'examples/vacancies/pipeline.yaml'], from)];
  // 3 = done, with a warning about data that is meant to be dirty.
  return codes.find((each) => each !== 0 && each !== 3) ?? 0;
}

async function jobpulse(args: readonly string[], { key, agent }: Source): Promise<number> {
  const child = spawn(join(root, 'bin', 'jobpulse'), [...args, '--data-dir', dataDir], {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, USAJOBS_API_KEY: key, USAJOBS_USER_AGENT: agent },
  });
  const [exit] = (await once(child, 'exit')) as [number | null];
  return exit ?? 130;
}

/** The double ends with this process, however that ends. */
async function startSource(): Promise<Source> {
  const double: ChildProcess = spawn(
    process.execPath,
    [join(root, 'test', 'servers', 'usajobs', 'main.ts'), '--with-parent'],
    { stdio: ['pipe', 'pipe', 'inherit'] },
  );
  if (!double.stdout) throw new Error('the double has no output');
  for await (const line of createInterface({ input: double.stdout })) return JSON.parse(line) as Source;
  throw new Error('the double ended before it was ready');
}

/** A posting is paid better, one is taken down, two are new. */
async function change({ url }: Source): Promise<void> {
  const control = (name: string, body: object) =>
    fetch(`${url}/_control/${name}`, { method: 'POST', body: JSON.stringify(body) });
  const found = (await (await fetch(`${url}/_control/found`)).json()) as readonly { readonly id: string }[];
  const pick = () => found[Math.floor(Math.random() * found.length)]?.id;
  await control('change-pay', { id: pick(), minimum: 120_000, maximum: 180_000 });
  await control('remove', { id: pick() });
  await control('add', { count: 2 });
}

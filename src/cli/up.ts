import { readFile } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import { InvalidArgumentError } from 'commander';
import { apiVersion, checkRequest, problemText, readYaml } from '../api/index.ts';
import type { LoadedManifest } from '../controller/standalone/manifests.ts';
import type { UpMetrics } from '../controller/standalone/metrics.ts';
import { secretReader } from '../controller/standalone/secrets.ts';
import { keepUp, type UpEvent } from '../controller/standalone/up.ts';
import { createLogger } from '../observability/log.ts';
import { CliError, exitCodes } from './exit.ts';
import { onInterrupt } from './interrupt.ts';
import { loadManifest } from './manifest.ts';
import { dataDirOption } from './options.ts';
import { type Progress, progress } from './output.ts';
import { showEvent } from './progress.ts';
import { reportText } from './reportText.ts';
import type { Verb } from './verb.ts';

interface UpOptions {
  readonly dataDir: string;
  readonly secretsDir?: string;
  readonly allowPrivateNetworks: boolean;
  readonly metricsPort?: number;
}

/** `jobpulse up`: keeps the pipelines of a folder applied and scheduled until it is told to stop. */
export const up: Verb = (program) => {
  program
    .command('up')
    .description('keep the pipelines of a folder applied, scheduled and served on this machine')
    .argument('<folder>', 'folder of YAML files, one Pipeline each; changes are picked up')
    .addOption(dataDirOption())
    .option('--secrets-dir <folder>', 'folder with a file <name>/<key> per secret; default: environment variables')
    .option('--no-allow-private-networks', 'refuse connections to private and loopback addresses')
    .option('--metrics-port <port>', 'serve /metrics, /livez and /readyz on this port of 127.0.0.1', portNumber)
    .addHelpText(
      'after',
      '\nCtrl-C (or SIGTERM) ends it: exit code 130, state saved; the next `up` goes on from there.',
    )
    .action(keepFolderUp);
};

async function keepFolderUp(folder: string, { secretsDir, metricsPort, ...options }: UpOptions): Promise<void> {
  const secrets = secretReader({ env: process.env, ...(secretsDir === undefined ? {} : { secretsDir }) });
  const shown = process.stderr.isTTY ? progress() : { ...progress(), update: () => undefined };
  const settings = {
    ...options,
    ...(secretsDir === undefined ? {} : { secretsDir }),
    ...{ folder: resolve(folder), load, signal: onInterrupt() },
    log: createLogger({ level: process.env.LOG_LEVEL ?? 'warn', redact: secrets.redact }),
  };
  const metrics = metricsPort === undefined ? undefined : await metricsOn(metricsPort, options.dataDir);
  const tell = (event: UpEvent) => {
    if (event.type === 'ready') metrics?.setReady();
    show(shown, event, folder);
  };
  if (metrics) shown.line(`metrics: http://127.0.0.1:${metrics.port}/metrics`);
  await keepUp({ ...settings, ...(metrics && { onEvent: metrics.onEvent }) }, tell).finally(async () => {
    shown.end();
    await metrics?.close();
  });
}

/** Loaded only when asked for. */
async function metricsOn(port: number, dataDir: string): Promise<UpMetrics> {
  const { serveUpMetrics } = await import('../controller/standalone/metrics.ts');
  return serveUpMetrics({ port, dataDir });
}

function portNumber(text: string): number {
  const port = Number(text);
  if (/^\d{1,5}$/.test(text) && port <= 65_535) return port;
  throw new InvalidArgumentError('it is a number from 0 (any free port) to 65535.');
}

/** Reads a file of the folder; one that is about another kind of thing, such as a kustomization, is none of ours. */
async function load(file: string): Promise<LoadedManifest | undefined> {
  const yaml = readYaml(await readFile(file, 'utf8'), file);
  if (yaml.ok && isForeign(yaml.value)) return undefined;
  const manifest = await loadManifest(file);
  if (manifest.pipeline.spec.schedule === undefined) return manifest;
  // Nobody is there to give a scheduled run its parameters.
  const problems = checkRequest(manifest.pipeline, { params: [], datasets: [] });
  if (problems.length > 0) throw new CliError(exitCodes.invalid, `${file}: ${problems.map(problemText).join('\n')}`);
  return manifest;
}

const isForeign = (value: unknown): boolean =>
  typeof value === 'object' &&
  value !== null &&
  'apiVersion' in value &&
  typeof value.apiVersion === 'string' &&
  value.apiVersion.split('/')[0] !== apiVersion.split('/')[0];

/** Results go to standard output, one line per dataset as `run` prints them; all else to standard error. */
function show(shown: Progress, event: UpEvent, folder: string): void {
  if (event.type === 'run') showEvent(shown, event.pipeline, event.event);
  else if (event.type === 'finished') {
    shown.end();
    process.stdout.write(`${reportText(event.report).join('\n')}\n`);
  } else for (const line of linesOf(event, folder)) shown.line(line);
}

function linesOf(event: Exclude<UpEvent, { type: 'run' | 'finished' }>, folder: string): readonly string[] {
  switch (event.type) {
    case 'ready':
      return [`${folder}: kept up; Ctrl-C ends it`];
    case 'valid':
      return [appliedText(event)];
    case 'invalid':
      return [...event.message.split('\n'), ...(event.kept ? ['  the last valid one goes on'] : [])];
    case 'removed':
      return [`${event.pipeline}: its manifest is gone; its schedule rests, its data stays`];
    case 'trouble':
      return [event.message];
  }
}

function appliedText({ file, manifest, paused }: Extract<UpEvent, { type: 'valid' }>): string {
  const { metadata, spec } = manifest.pipeline;
  const when =
    spec.schedule === undefined
      ? 'runs by hand only'
      : paused || spec.suspend
        ? 'its schedule rests'
        : `runs at ${spec.schedule} (${spec.timeZone})`;
  return `${metadata.name}: applied from ${basename(file)}; ${when}`;
}

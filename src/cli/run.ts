import { randomBytes } from 'node:crypto';
import { resolve } from 'node:path';
import type { SecretKeyRef } from '../api/index.ts';
import { secretReader } from '../controller/standalone/secrets.ts';
import { type RunOutcome, runHere } from '../controller/standalone/session.ts';
import type { RunEvent, Submission } from '../controller/standalone/submit.ts';
import { createLogger } from '../observability/log.ts';
import type { RunRequest } from '../run/plan.ts';
import type { ReadSecret } from '../workers/stage.ts';
import { tellReport } from './ending.ts';
import { CliError, exitCodes } from './exit.ts';
import { onInterrupt } from './interrupt.ts';
import { loadManifest, type Override } from './manifest.ts';
import { dataDirOption, fromOption, outputOption, paramOption, setOption } from './options.ts';
import { progress, silent } from './output.ts';
import { showEvent } from './progress.ts';
import { requestOf } from './request.ts';
import { requiredSecrets } from './secretRefs.ts';
import type { Verb } from './verb.ts';

interface RunOptions {
  readonly dataDir: string;
  readonly set: readonly Override[];
  readonly param: readonly Override[];
  readonly from: RunRequest['from'];
  readonly dataset?: string[];
  readonly secretsDir?: string;
  readonly allowPrivateNetworks: boolean;
  readonly metricsFile?: string;
  readonly output: 'text' | 'json';
}

/** `jobpulse run`: runs a pipeline once on this machine, to the end. */
export const run: Verb = (program) => {
  program
    .command('run')
    .description('run a pipeline once on this machine')
    .argument('<manifest>', 'YAML file of a Pipeline')
    .addOption(dataDirOption())
    .addOption(setOption())
    .addOption(paramOption())
    .addOption(fromOption())
    .option('--dataset <name...>', 'only these datasets')
    .option('--secrets-dir <folder>', 'folder with a file <name>/<key> per secret; default: environment variables')
    .option('--no-allow-private-networks', 'refuse connections to private and loopback addresses')
    .option('--metrics-file <file>', 'write Prometheus metrics to this file at the end')
    .addOption(outputOption())
    .addHelpText('after', helpOnExitCodes)
    .action(async (file: string, options: RunOptions) => {
      process.exitCode = await runOnce(file, options);
    });
};

const helpOnExitCodes = `
Exit codes: 0 done; 1 a run failed; 2 manifest or arguments invalid; 3 done, but a Warn check or reject threshold spoke;
4 a service (Redis, lake, warehouse, source) could not be reached; 130 interrupted (state saved: run again to go on).`;

async function runOnce(file: string, options: RunOptions): Promise<number> {
  const secrets = secretReader({
    env: process.env,
    ...(options.secretsDir === undefined ? {} : { secretsDir: options.secretsDir }),
  });
  const submission = await prepare(file, options, secrets.read);
  const interrupt = onInterrupt();
  const log = createLogger({ level: process.env.LOG_LEVEL ?? 'warn', redact: secrets.redact });
  const shown = options.output === 'json' ? silent : progress();
  const watch = (event: RunEvent) => showEvent(shown, submission.pipeline.metadata.name, event);
  const session = {
    ...{ dataDir: options.dataDir, log, allowPrivateNetworks: options.allowPrivateNetworks, signal: interrupt },
    ...(options.secretsDir === undefined ? {} : { secretsDir: options.secretsDir }),
  };
  const outcome = await runHere(session, submission, watch).finally(shown.end);
  const code = tellReport(outcome.report, options.output);
  if (options.metricsFile !== undefined) await writeMetrics(options.metricsFile, outcome);
  return code;
}

/** Everything that can be found wrong before anything is started. */
async function prepare(file: string, options: RunOptions, secret: ReadSecret): Promise<Submission> {
  const { pipeline, filesRoot } = await loadManifest(file, options.set);
  const request = requestOf(pipeline, options);
  const required = requiredSecrets(pipeline, options.from);
  checkSecrets(required, secret);
  const now = Date.now();
  return {
    // Two commands may start in the same millisecond.
    run: `${pipeline.metadata.name}-${now}-${randomBytes(2).toString('hex')}`,
    asOf: new Date(now).toISOString(),
    spec: { from: options.from, ...request },
    ...{ pipeline, filesRoot },
    needs: {
      secrets: required,
      allowPrivateNetworks: options.allowPrivateNetworks,
      ...(options.secretsDir === undefined ? {} : { secretsDir: resolve(options.secretsDir) }),
    },
  };
}

/** A missing secret is told now, not after the first request. */
function checkSecrets(required: readonly SecretKeyRef[], secret: ReadSecret): void {
  const missing = required.flatMap((ref) => {
    try {
      secret(ref);
      return [];
    } catch (error) {
      return [(error as Error).message];
    }
  });
  if (missing.length > 0) throw new CliError(exitCodes.invalid, missing.join('\n'));
}

async function writeMetrics(file: string, { report, manifests }: RunOutcome): Promise<void> {
  const { createMetrics, writeMetricsFile } = await import('../observability/metrics.ts');
  const metrics = createMetrics();
  const [namespace = '', pipeline = ''] = report.pipeline.split('/');
  for (const manifest of manifests) metrics.recordManifest(manifest, namespace, pipeline);
  metrics.recordRun(report, { trigger: 'Manual', finishedAt: new Date() });
  await writeMetricsFile(metrics, file);
}

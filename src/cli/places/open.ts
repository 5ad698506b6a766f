import { type Command, InvalidArgumentError } from 'commander';
import { secretReader } from '../../controller/standalone/secrets.ts';
import { createLogger } from '../../observability/log.ts';
import { onInterrupt } from '../interrupt.ts';
import { dataDirOption } from '../options.ts';
import { dataDirPlace } from './dataDir.ts';
import type { Place } from './place.ts';

/** Options that say where pipelines live. */
export interface PlaceOptions {
  readonly dataDir: string;
  readonly namespace?: string;
  readonly context?: string;
  readonly kubeconfig?: string;
  /** Only of verbs that start runs. */
  readonly secretsDir?: string;
  readonly allowPrivateNetworks?: boolean;
}

/** Adds them to a verb: a cluster when one of its options is given, else the data directory of this machine. */
export const withPlace = (command: Command): Command =>
  command
    .addOption(dataDirOption())
    .option('-n, --namespace <name>', 'work in this namespace of a cluster instead of on this machine', notEmpty)
    .option('--context <name>', 'the context of the kubeconfig that names the cluster', notEmpty)
    .option('--kubeconfig <file>', 'how to reach the cluster; default: as kubectl finds it', notEmpty);

/** Adds what a run that is started on this machine needs to know. */
export const withRunSettings = (command: Command): Command =>
  command
    .option('--secrets-dir <folder>', 'this machine: folder with a file <name>/<key> per secret; default: environment')
    .option('--no-allow-private-networks', 'this machine: refuse connections to private and loopback addresses');

function notEmpty(text: string): string {
  if (text === '') throw new InvalidArgumentError('it is empty');
  return text;
}

/** Opens the place that the options name, and closes it when the work has ended. */
export async function inPlace<Result>(options: PlaceOptions, work: (place: Place) => Promise<Result>): Promise<Result> {
  const place = await openPlace(options);
  try {
    return await work(place);
  } finally {
    await place.close();
  }
}

async function openPlace(options: PlaceOptions): Promise<Place> {
  const { dataDir, namespace, context, kubeconfig, secretsDir, allowPrivateNetworks = true } = options;
  const secrets = secretReader({ env: process.env, ...(secretsDir === undefined ? {} : { secretsDir }) });
  const log = createLogger({ level: process.env.LOG_LEVEL ?? 'warn', redact: secrets.redact });
  const common = { log, signal: onInterrupt() };
  if (namespace === undefined && context === undefined && kubeconfig === undefined) {
    return dataDirPlace({
      ...common,
      dataDir,
      allowPrivateNetworks,
      ...(secretsDir === undefined ? {} : { secretsDir }),
    });
  }
  // Loaded here: a verb on this machine starts without it.
  const { clusterPlace } = await import('./cluster.ts');
  return clusterPlace({
    ...common,
    ...(namespace === undefined ? {} : { namespace }),
    ...(context === undefined ? {} : { context }),
    ...(kubeconfig === undefined ? {} : { kubeconfig }),
  });
}

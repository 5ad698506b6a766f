import { type Command, InvalidArgumentError } from 'commander';
import { secretReader } from '../../controller/standalone/secrets.ts';
import { createLogger } from '../../observability/log.ts';
import { onInterrupt } from '../interrupt.ts';
import { dataDirOption } from '../options.ts';
import type { Home } from '../verb.ts';
import type { Place } from './place.ts';

/** Options that say where pipelines live. */
export interface PlaceOptions {
  /** Absent where pipelines are in a cluster anyway. */
  readonly dataDir?: string;
  readonly namespace?: string;
  readonly context?: string;
  readonly kubeconfig?: string;
  /** Only of verbs that start runs. */
  readonly secretsDir?: string;
  readonly allowPrivateNetworks?: boolean;
}

/** Adds them to a verb: a cluster when one of its options is given, else where its home is. */
export function withPlace(command: Command, home: Home): Command {
  const ofCluster = 'namespace of the pipelines; default: that of the context';
  const ofMachine = 'work in this namespace of a cluster instead of on this machine';
  if (home === 'machine') command.addOption(dataDirOption());
  return command
    .option('-n, --namespace <name>', home === 'machine' ? ofMachine : ofCluster, notEmpty)
    .option('--context <name>', 'the context of the kubeconfig that names the cluster', notEmpty)
    .option('--kubeconfig <file>', 'how to reach the cluster; default: as kubectl finds it', notEmpty);
}

/** Adds what a run that is started on this machine needs to know. */
export function withRunSettings(command: Command, home: Home): Command {
  if (home === 'cluster') return command;
  return command
    .option('--secrets-dir <folder>', 'this machine: folder with a file <name>/<key> per secret; default: environment')
    .option('--no-allow-private-networks', 'this machine: refuse connections to private and loopback addresses');
}

/** What a person types to get the plugin. */
export const pluginName = 'kubectl jobpulse';

function notEmpty(text: string): string {
  if (text === '') throw new InvalidArgumentError('it is empty');
  return text;
}

/** Opens the place that the options name, and closes it when the work has ended. `interrupted`: what Ctrl-C does. */
export async function inPlace<Result>(
  options: PlaceOptions,
  work: (place: Place, signal: AbortSignal) => Promise<Result>,
  interrupted?: string,
): Promise<Result> {
  const signal = onInterrupt(interrupted);
  const place = await openPlace(options, signal);
  try {
    return await work(place, signal);
  } finally {
    await place.close();
  }
}

async function openPlace(options: PlaceOptions, signal: AbortSignal): Promise<Place> {
  const { dataDir, namespace, context, kubeconfig, secretsDir, allowPrivateNetworks = true } = options;
  const secrets = secretReader({ env: process.env, ...(secretsDir === undefined ? {} : { secretsDir }) });
  const log = createLogger({ level: process.env.LOG_LEVEL ?? 'warn', redact: secrets.redact });
  const common = { log, signal };
  const isHere = namespace === undefined && context === undefined && kubeconfig === undefined;
  // Each world is loaded when it is used.
  if (dataDir !== undefined && isHere) {
    const { dataDirPlace } = await import('./dataDir.ts');
    return dataDirPlace({
      ...common,
      dataDir,
      allowPrivateNetworks,
      ...(secretsDir === undefined ? {} : { secretsDir }),
    });
  }
  const { clusterPlace } = await import('./cluster.ts');
  return clusterPlace({
    ...common,
    program: dataDir === undefined ? pluginName : 'jobpulse',
    ...(namespace === undefined ? {} : { namespace }),
    ...(context === undefined ? {} : { context }),
    ...(kubeconfig === undefined ? {} : { kubeconfig }),
  });
}

import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { setFlagsFromString } from 'node:v8';
import { type Command, InvalidArgumentError } from 'commander';
import { createLogger } from '../observability/log.ts';
import { TerminalError } from '../run/errors.ts';
import { exitCodes } from './exit.ts';
import type { Verb } from './verb.ts';

interface ControllerVerbOptions {
  readonly config: string;
  readonly namespace?: readonly string[];
  readonly allNamespaces?: boolean;
  readonly kubeconfig?: string;
  readonly context?: string;
  readonly redisUrlFile?: string;
  readonly leaseNamespace?: string;
  readonly leaseSeconds: number;
  readonly watchSeconds?: number;
  readonly identity: string;
  readonly port: number;
  readonly allowPrivateNetworks?: boolean;
}

/** `jobpulse controller`: looks after the Pipelines of a Kubernetes cluster. */
export const controller: Verb = (program) => {
  describe(program.command('controller')).action((options: ControllerVerbOptions) => control(options));
};

const describe = (command: Command): Command =>
  command
    .description('look after the Pipelines of a Kubernetes cluster')
    .requiredOption('--config <file>', 'file that describes the installation: image, lake, Redis, …')
    .option('-n, --namespace <name...>', "namespaces to look after; default: the pod's or the context's")
    .option('-A, --all-namespaces', 'look after all namespaces')
    .option('--kubeconfig <file>', 'default: as kubectl finds it, else the service account of this pod')
    .option('--context <name>', "default: the kubeconfig's current one")
    .option('--redis-url-file <file>', 'file that holds the URL of Redis; default: the environment variable REDIS_URL')
    .option('--lease-namespace <name>', 'where controllers agree on a leader; default: the first namespace')
    .option('--lease-seconds <number>', 'when a leader that went silent is followed by another', seconds, 15)
    .option(
      '--watch-seconds <number>',
      'when a watch that went silent is begun again; default: 90, for the API server speaks about once a minute',
      seconds,
    )
    .option(
      '--identity <name>',
      'name of this controller among them',
      process.env.POD_NAME ?? `${hostname()}-${process.pid}`,
    )
    .option('--port <number>', 'serves /metrics, /livez and /readyz here; 0: any free port', port, 8080)
    .option('--allow-private-networks', 'sources may have private and loopback addresses, whatever the file says');

function port(text: string): number {
  const number = Number(text);
  if (!Number.isInteger(number) || number < 0 || number > 65_535) throw new InvalidArgumentError('it is not a port');
  return number;
}

function seconds(text: string): number {
  const number = Number(text);
  if (!Number.isInteger(number) || number < 1 || number > 3600) {
    throw new InvalidArgumentError('write a whole number of seconds, from 1 to 3600');
  }
  return number;
}

async function control(options: ControllerVerbOptions): Promise<void> {
  holdLittle();
  // Loaded here: other verbs start without any of it.
  const [{ readInstallation }, { openKubeApi }, { runController }] = await Promise.all([
    import('../controller/kubernetes/installation.ts'),
    import('../controller/kubernetes/client.ts'),
    import('../controller/kubernetes/controller.ts'),
  ]);
  const installation = readInstallation(options.config);
  const url = redisUrl(options);
  const log = createLogger({ name: 'controller', redact: (text) => text.replaceAll(url, '[redacted]') });
  const { kubeconfig, context } = options;
  const cluster = openKubeApi({
    log,
    ...(kubeconfig !== undefined && { kubeconfig }),
    ...(context !== undefined && { context }),
  });
  const namespaces = options.allNamespaces ? undefined : (options.namespace ?? [cluster.namespace]);
  const allowPrivateNetworks = options.allowPrivateNetworks ?? installation.allowPrivateNetworks;
  try {
    await runController(
      {
        ...{ api: cluster.api, namespaces, redis: { url }, log },
        ...{ identity: options.identity, port: options.port, leaseSeconds: options.leaseSeconds },
        ...(options.watchSeconds !== undefined && { watchSeconds: options.watchSeconds }),
        installation: { ...installation, allowPrivateNetworks },
        leaseNamespace: options.leaseNamespace ?? namespaces?.[0] ?? cluster.namespace,
      },
      onSignal(),
    );
  } finally {
    await cluster.close();
  }
}

/**
 * A controller lives long, has little to compute and holds much: V8 is to collect before its heap grows far beyond what is
 * in use, to move together what is left, and to compile less. It looks at this whenever it decides about one of these, so
 * it may be said here, once for every way to start the program; it saves a third of the resident memory.
 */
const holdLittle = (): void => setFlagsFromString('--optimize-for-size');

function redisUrl({ redisUrlFile }: ControllerVerbOptions): string {
  const url = redisUrlFile === undefined ? process.env.REDIS_URL : readUrl(redisUrlFile);
  if (url !== undefined && /^rediss?:\/\//.test(url)) return url;
  throw new TerminalError(
    'RedisUrlInvalid',
    `${redisUrlFile ?? 'REDIS_URL'} holds no address of a Redis; write redis://[user:password@]host:port`,
  );
}

function readUrl(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new TerminalError(
      'RedisUrlInvalid',
      `${file} cannot be read (${code}); name a file that holds the URL of Redis`,
    );
  }
}

/** The first SIGTERM or Ctrl-C asks for an orderly hand-over; the second ends at once. */
function onSignal(): AbortSignal {
  const stopping = new AbortController();
  const stop = () => {
    if (stopping.signal.aborted) process.exit(exitCodes.interrupted);
    stopping.abort();
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
  return stopping.signal;
}

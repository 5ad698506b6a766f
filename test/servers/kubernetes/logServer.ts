import { readFile } from 'node:fs/promises';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Credentials } from './pki.ts';

export interface LogServer {
  readonly port: number;
  close(): void;
}

/**
 * Answers what an API server asks a kubelet for on behalf of `kubectl logs`: the last lines of a container, without their
 * times. `authority`: who vouches for the API server.
 */
export async function serveLogs(
  { certificate, key }: Credentials,
  authority: string,
  logOf: (namespace: string, pod: string) => string | undefined,
): Promise<LogServer> {
  const server = createServer(
    { cert: certificate, key, ca: authority, requestCert: true },
    async (request, response) => {
      const { pathname, searchParams } = new URL(request.url ?? '/', 'https://kubelet');
      const [, what, namespace = '', pod = ''] = pathname.split('/');
      const file = what === 'containerLogs' ? logOf(namespace, pod) : undefined;
      const text = file === undefined ? undefined : await readFile(file, 'utf8').catch(() => undefined);
      if (text === undefined) return void response.writeHead(404).end(`no logs of ${namespace}/${pod}`);
      const most = Number(searchParams.get('tailLines') ?? Number.POSITIVE_INFINITY);
      // The last line ends with a newline, too.
      response.end(
        Number.isFinite(most)
          ? text
              .split('\n')
              .slice(-most - 1)
              .join('\n')
          : text,
      );
    },
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

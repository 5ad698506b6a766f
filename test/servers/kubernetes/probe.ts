import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { request } from 'undici';
import { hostAddress, type Probe } from './podSpec.ts';

/** What a probe needs to know of the process that it looks at. */
export interface Probed {
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  /** The port of the host that a port of the container, given by number or name, is. */
  port(port: number | string): number;
  /** A command of the container, in terms of the host. */
  command(words: readonly string[]): readonly string[];
}

/** Asks once; whether the answer is that the container is ready. */
export async function askProbe(probe: Probe, probed: Probed, signal: AbortSignal): Promise<boolean> {
  const within = AbortSignal.any([signal, AbortSignal.timeout((probe.timeoutSeconds ?? 1) * 1000)]);
  try {
    if (probe.httpGet !== undefined) {
      const { path = '/', port } = probe.httpGet;
      const url = new URL(path, `http://${hostAddress}:${probed.port(port)}`);
      const { statusCode, body } = await request(url, { signal: within });
      await body.dump();
      return statusCode >= 200 && statusCode < 400;
    }
    if (probe.exec !== undefined) {
      const [program = '', ...args] = probed.command(probe.exec.command);
      await promisify(execFile)(program, args, {
        env: probed.env,
        cwd: probed.cwd,
        signal: within,
        killSignal: 'SIGKILL',
      });
    }
    return true;
  } catch {
    return false;
  }
}

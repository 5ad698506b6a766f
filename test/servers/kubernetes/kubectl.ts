import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';

export interface KubectlOptions {
  /** What it reads from standard input, as with `-f -`. */
  readonly input?: string;
  readonly timeoutMs?: number;
  /** Beside the environment of this process. */
  readonly env?: Readonly<Record<string, string>>;
  /** Another user than the administrator. */
  readonly kubeconfig?: string;
}

export interface KubectlResult {
  /** 124 when it was ended because its time was up. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs kubectl; a refusal is a result, not an exception. */
export async function runKubectl(
  program: string,
  args: readonly string[],
  options: {
    readonly kubeconfig: string;
    readonly cacheDir: string;
    readonly input?: string;
    readonly timeoutMs?: number;
    readonly env?: Readonly<Record<string, string>>;
  },
): Promise<KubectlResult> {
  const child = spawn(program, args, {
    // Discovery is cached by address, and another control plane may have had this one's port before.
    env: {
      ...process.env,
      ...options.env,
      KUBECONFIG: options.kubeconfig,
      KUBECACHEDIR: options.cacheDir,
      KUBERC: 'off',
    },
  });
  let late = false;
  const timer = setTimeout(() => {
    late = child.kill('SIGKILL');
  }, options.timeoutMs ?? 60_000);
  // A kubectl that does not read its input has nothing to say about it.
  child.stdin.on('error', () => undefined);
  child.stdin.end(options.input ?? '');
  const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  clearTimeout(timer);
  return { code: late ? 124 : ((code as number | null) ?? 1), stdout, stderr };
}

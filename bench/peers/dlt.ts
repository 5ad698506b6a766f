import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** A Python that has dlt. */
export interface Dlt {
  readonly version: string;
  readonly python: string;
  /** What a program that uses it is to find in its environment. */
  readonly env: NodeJS.ProcessEnv;
  /** Runs one of the programs beside this file; what it says in its last line. */
  readonly run: (program: string, args: readonly string[]) => Promise<unknown>;
}

export const howToGetDlt =
  "python3 -m venv dlt && dlt/bin/pip install 'dlt[duckdb,filesystem]==1.31.0' duckdb==1.5.5, then BENCH_PYTHON=dlt/bin/python";

/** The Python of `BENCH_PYTHON`, or the one on the PATH, if it has dlt. */
export async function findDlt(): Promise<Dlt | undefined> {
  const python = process.env.BENCH_PYTHON ?? 'python3';
  const settings = { RUNTIME__DLTHUB_TELEMETRY: 'false' };
  const env = { ...process.env, ...settings };
  try {
    const { stdout } = await run(python, ['-c', 'import dlt; print(dlt.__version__)'], { env });
    return {
      version: stdout.trim(),
      ...{ python, env: settings },
      run: async (program, args) => {
        const { stdout } = await run(python, [join(import.meta.dirname, program), ...args], { env });
        return JSON.parse(stdout.trim().split('\n').at(-1) ?? '');
      },
    };
  } catch {
    return undefined;
  }
}

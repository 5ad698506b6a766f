import { InterruptedError } from '../controller/standalone/interrupted.ts';
import { standaloneReasons } from '../controller/standalone/reasons.ts';
import { TerminalError } from '../run/errors.ts';

/** What the exit code of every verb means. */
export const exitCodes = {
  done: 0,
  /** A run failed. */
  failed: 1,
  /** The manifest or the arguments are not valid. */
  invalid: 2,
  /** Done, but a Warn check, a reject threshold or a shrunken snapshot spoke. */
  warned: 3,
  /** Redis, the lake, the warehouse or the source could not be reached. */
  unreachable: 4,
  /** Interrupted; the state is saved and the same command goes on from it. */
  interrupted: 130,
} as const;

/** Ends a verb with a message for the user and an exit code. */
export class CliError extends Error {
  override readonly name = 'CliError';
  readonly exitCode: number;
  constructor(exitCode: number, message: string, options?: ErrorOptions) {
    super(message, options);
    this.exitCode = exitCode;
  }
}

/** Reasons of failed steps that mean a service was away, not that the work was wrong. */
export const unreachableReasons: ReadonlySet<string> = new Set([
  ...Object.entries(standaloneReasons).flatMap(([reason, code]) => (code === exitCodes.unreachable ? [reason] : [])),
  'WarehouseLocked',
  'WarehouseUnavailable',
  'SourceUnreachable',
]);

/** The exit code of anything a verb may throw. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof CliError) return error.exitCode;
  if (error instanceof InterruptedError) return exitCodes.interrupted;
  if (error instanceof TerminalError) {
    const known: Readonly<Record<string, number>> = {
      ...standaloneReasons,
      InvalidArgument: exitCodes.invalid,
      KubeconfigInvalid: exitCodes.invalid,
    };
    return known[error.reason] ?? (unreachableReasons.has(error.reason) ? exitCodes.unreachable : exitCodes.failed);
  }
  return exitCodes.failed;
}

import { ApiError } from '../../controller/kubernetes/api.ts';
import { TransientError } from '../../run/errors.ts';
import { CliError, exitCodes } from '../exit.ts';

/** Puts what an API server refused, or that there was none, into words that say what to do. `what`: verb and resource. */
export function inWords(error: unknown, what: string): unknown {
  if (error instanceof TransientError) {
    const check = 'check --kubeconfig and --context, and whether `kubectl get --raw /readyz` answers';
    return new CliError(exitCodes.unreachable, `cannot ${what}: ${error.message}; ${check}`, { cause: error });
  }
  if (!(error instanceof ApiError)) return error;
  const advice = advices[error.status];
  const code = error.status === 400 || error.status === 422 ? exitCodes.invalid : exitCodes.unreachable;
  return new CliError(code, `cannot ${what}: ${error.message}${advice === undefined ? '' : `; ${advice}`}`, {
    cause: error,
  });
}

/** What to do, by HTTP status. */
const advices: Readonly<Record<number, string>> = {
  401: 'log in again, or name another user by --context',
  403: 'ask for a Role that allows that verb on that resource of the group jobpulse.dev',
  404: 'install the kinds with `kubectl apply --server-side -f crds/`, or check the name',
};

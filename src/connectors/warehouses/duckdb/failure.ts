import { TerminalError } from '../../../run/errors.ts';
import { lakeFileMissing } from '../warehouse.ts';

/** Errors about the SQL itself: they quote the statement, never a row. */
const aboutSql = new Set(['Binder', 'Catalog', 'Parser', 'Syntax', 'Not implemented']);
/** Errors about a value: DuckDB quotes it, so its text must not travel. */
const aboutValues = new Set(['Conversion', 'Invalid Input', 'Out of Range', 'Constraint', 'Mismatch Type']);

/** Whether DuckDB has given up on the open file: it must be closed and opened again. */
export const isFatal = (error: unknown): boolean =>
  error instanceof Error && /^(FATAL|INTERNAL) Error|database has been invalidated/i.test(error.message);

const isFull = (message: string): boolean => /No space left|File too large/i.test(message);

/** An error of DuckDB in the classes and words of this project; `where` names what was being done, `reason` what failed. */
export function explain(error: unknown, reason: string, where: string): unknown {
  if (!(error instanceof Error) || error instanceof TerminalError) return error;
  const { message } = error;
  const kind = /^([A-Za-z ]+?) Error: /.exec(message)?.[1] ?? '';
  const terminal = (reason: string, text: string) => new TerminalError(reason, `${where}: ${text}`);
  if (isFull(message)) return terminal('DiskFull', 'the disk of the warehouse is full; make room and run again');
  if (kind === 'Out of Memory') {
    return terminal(
      'OutOfMemory',
      'this needs more memory than the warehouse may use; give it more, or read less at once',
    );
  }
  const missing = /No files found that match the pattern "([^"]*)"/.exec(message)?.[1];
  if (missing !== undefined) return lakeFileMissing(missing, where);
  if (aboutSql.has(kind)) return terminal(reason, message);
  if (aboutValues.has(kind)) {
    const hint = 'its text may quote a value and is not shown; TRY_CAST gives NULL for values that do not fit a type';
    return terminal(reason, `DuckDB reports: ${kind} Error (${hint})`);
  }
  return error;
}

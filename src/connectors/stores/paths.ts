import { TerminalError } from '../../run/errors.ts';

/** The path itself, if it stays inside a store: relative, `/`-separated, no empty segment, no `.` or `..`, no NUL. */
export function checkedPath(path: string): string {
  const segments = path.split('/');
  if (path.includes('\0') || segments.some((segment) => segment === '' || segment === '.' || segment === '..')) {
    throw new TerminalError(
      'PathInvalid',
      `${JSON.stringify(path)} is not a path inside a store: it must be relative, without empty segments, ".", ".." or NUL`,
    );
  }
  return path;
}

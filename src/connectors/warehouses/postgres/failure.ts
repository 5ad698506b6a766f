import pg from 'pg';
import { TerminalError, TransientError } from '../../../run/errors.ts';
import { explain as explainDuckDB } from '../duckdb/failure.ts';

/** Where a warehouse is, in words that hold no secret. */
export function placeOf(url: string): string {
  const { hostname, port, pathname } = new URL(url);
  return `PostgreSQL at ${hostname}:${port || 5432}${decodeURIComponent(pathname)}`;
}

/** What is wrong with a URL of PostgreSQL; its text, which holds a password, is not shown. */
export function refuseUrl(url: string): TerminalError | undefined {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  const fits =
    parsed && /^postgres(ql)?:$/.test(parsed.protocol) && parsed.hostname !== '' && parsed.pathname.length > 1;
  if (fits) return undefined;
  return new TerminalError(
    'WarehouseUrlInvalid',
    'the URL of PostgreSQL cannot be read; write postgres://user:password@host:5432/database, with special characters of the password as %40 and so on',
  );
}

/** Faults of the network and of DNS, by the code that Node gives them. */
const network = new Set([
  ...['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH'],
  ...['ECONNABORTED', 'ERR_STREAM_PREMATURE_CLOSE'],
]);
/** What the driver says, without a code, when a connection ends or does not come about. */
const ended = /^(Connection terminated|timeout expired|Client has encountered a connection error)/;

/** States of PostgreSQL that pass: it starts, ends, is full, or somebody else was first. */
const passing = /^(08|57P0|53[034]|40|55P03|57014|25P03)/;
const advice: readonly [state: RegExp, reason: string, what: string][] = [
  [/^28/, 'WarehouseDenied', 'refuses the user or the password; put the right ones into the secret'],
  [/^3D000/, 'WarehouseDenied', 'has no such database; create it, or name another one in the URL'],
  [
    /^42501/,
    'WarehouseDenied',
    'lets the user do too little: it needs CREATE on the database, or to own the schema of the pipeline and the schema _jobpulse',
  ],
  [/^(53100|58030)/, 'DiskFull', 'has no room left on its disk; make room and run again'],
  [
    /^2BP01/,
    'WarehouseBlocked',
    'keeps a table of ours because a view or another object of yours depends on it; drop that, and create it again afterwards',
  ],
  [
    /^42701/,
    'WarehouseUnsuitable',
    'cannot hold a table with such a column: it keeps the names tableoid, xmin, cmin, xmax, cmax and ctid for itself',
  ],
  [
    /^(42P1[06]|54)/,
    'WarehouseUnsuitable',
    'cannot hold such a table: it has too many columns, or too long values or names',
  ],
];

/** An error of PostgreSQL, the network or DuckDB in the classes and words of this project. */
export function explain(error: unknown, reason: string, where: string, url: string): unknown {
  if (!(error instanceof Error) || error instanceof TerminalError || error instanceof TransientError) return error;
  const place = placeOf(url);
  const code = 'code' in error ? String(error.code) : '';
  if (network.has(code) || ended.test(error.message)) return away(where, place, code || 'the connection ended');
  if (!(error instanceof pg.DatabaseError)) {
    const isTls =
      /^(ERR_TLS|ERR_SSL|ERR_OSSL|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO|HOSTNAME_MISMATCH)/.test(code) ||
      /SSL|SASL/.test(error.message);
    if (isTls)
      return new TerminalError(
        'WarehouseDenied',
        `${where}: ${place} cannot be trusted, or does not trust us: ${error.message}; a certificate that no public authority vouches for needs warehouse.postgres.caFrom`,
      );
    return explainDuckDB(error, reason, where);
  }
  // Which table, column and limit it was; DETAIL may hold a row, and so may the message about a value.
  if (passing.test(code)) return away(where, place, error.message);
  const known = advice.find(([state]) => state.test(code));
  if (known) return new TerminalError(known[1], `${where}: ${place} ${known[2]} (${code}: ${error.message})`);
  if (/^2[12]/.test(code)) {
    const hint = 'its text may quote a value and is not shown';
    return new TerminalError(
      reason,
      `${where}: ${place} cannot hold a value (${code}; ${hint}), for example a year before 4713 BC`,
    );
  }
  return new TerminalError(reason, `${where}: ${place} reports ${code}: ${error.message}`);
}

const away = (where: string, place: string, why: string): TransientError =>
  new TransientError(
    `${where}: ${place} cannot be used at the moment (${why}); nothing was changed`,
    'WarehouseUnavailable',
  );

import type { DuckDBConnection } from '@duckdb/node-api';
import type { Check, Clean } from '../../api/index.ts';
import { identifier, row, rows } from '../../connectors/duckdb.ts';
import { TerminalError } from '../../run/errors.ts';
import type { CleanLedger, Notice } from '../../run/types.ts';
import type { CleanColumn } from './columns.ts';
import type { Rules } from './judge.ts';

/** Ends the step when a column that must not have errors has some. */
export async function failOnErrors(connection: DuckDBConnection, columns: readonly CleanColumn[]): Promise<void> {
  const strict = columns.flatMap(({ column }) => (column.onError === 'Fail' ? [column.name] : []));
  if (strict.length === 0) return;
  const found = await rows(
    connection,
    `SELECT reason.column AS name, reason.rule AS rule, count(*)::INTEGER AS count
     FROM (SELECT unnest(_reasons) AS reason FROM _judged WHERE _reasons IS NOT NULL) GROUP BY ALL ORDER BY ALL`,
  );
  const [first, ...others] = found.filter(({ name }) => strict.includes(String(name)));
  if (!first) return;
  const more = others.length === 0 ? '' : ` (and ${others.length} more such rules by others)`;
  throw new TerminalError(
    'RuleBroken',
    `column ${first.name}: the rule ${first.rule} is broken by ${count(Number(first.count), 'row')}${more}, and onError is Fail; ` +
      'set onError to Reject to keep such rows in quarantine, or correct the source',
  );
}

/** Makes `_clean`: of the rows that were kept, one for each key. Returns how many others there were. */
export async function deduplicate(
  connection: DuckDBConnection,
  { key }: Rules,
  version: string | undefined,
  dedupe: Clean['dedupe'],
): Promise<number> {
  const kept = "SELECT * FROM _judged WHERE _fate = 'kept'";
  const again = await row(
    connection,
    `SELECT count(*)::INTEGER AS rows, count(DISTINCT _key)::INTEGER AS keys FROM (${kept})`,
  );
  const others = key.length === 0 ? 0 : Number(again.rows) - Number(again.keys);
  if (others > 0 && dedupe === 'Fail') {
    throw new TerminalError(
      'DuplicateKey',
      `${count(others, 'row')} have a key (${key.join(', ')}) that another row has, and clean.dedupe is Fail; ` +
        'set it to Latest or First, or add a column to the key',
    );
  }
  const newest = version === undefined ? '' : `${identifier(version)} DESC NULLS LAST, `;
  const order = dedupe === 'First' ? '_file, _source_row' : `${newest}_file DESC, _source_row DESC`;
  const one = others === 0 ? '' : `QUALIFY row_number() OVER (PARTITION BY _key ORDER BY ${order}) = 1`;
  await connection.run(`CREATE VIEW _clean AS ${kept} ${one}`);
  return others;
}

/** What became of the records, and whether it adds up. */
export async function ledgerOf(
  connection: DuckDBConnection,
  counted: number | undefined,
  deduplicated: number,
): Promise<CleanLedger> {
  const found = await rows(
    connection,
    `SELECT _fate AS fate, _reasons[1].rule || coalesce(':' || _reasons[1].column, '') AS rule, count(*)::INTEGER AS count
     FROM _judged GROUP BY ALL ORDER BY rule`,
  );
  const sum = (fate?: string) =>
    found
      .filter((group) => fate === undefined || group.fate === fate)
      .reduce((total, group) => total + Number(group.count), 0);
  const rejected = found
    .filter(({ fate }) => fate === 'rejected')
    .map(({ rule, count }) => [String(rule), Number(count)]);
  const read = counted ?? sum();
  if (read !== sum()) throw new Error(`${read} records were read but ${sum()} were judged`);
  return {
    ...{ read, expanded: 0, clean: sum('kept') - deduplicated },
    rejected: Object.fromEntries(rejected) as Record<string, number>,
    ...{ filtered: sum('filtered'), deduplicated },
  };
}

/** What should be known though it did not stop the step. Ends the step when a check that must hold does not. */
export async function verdicts(
  connection: DuckDBConnection,
  { columns, checks }: Rules,
  totals: readonly Check[],
  clean: number,
): Promise<Notice[]> {
  const forgiving = columns.filter(({ column }) => column.onError === 'SetNull');
  const nulled = forgiving.map(({ at }) => `count(*) FILTER (_s${at})::INTEGER AS s${at}`);
  const failing = checks.map((_, at) => `count(*) FILTER (_k${at})::INTEGER AS k${at}`);
  const found = await row(connection, `SELECT ${[...nulled, ...failing, 'count(*) AS rows'].join(', ')} FROM _clean`);
  const set = forgiving.flatMap(({ column, at }) => {
    const times = Number(found[`s${at}`]);
    return times === 0 ? [] : [nulledNotice(column.name, times)];
  });
  const spoken = checks.flatMap((check, at) => verdict(check, Number(found[`k${at}`]), clean));
  return [...set, ...spoken, ...totals.flatMap((check) => totalVerdict(check, clean))];
}

const nulledNotice = (name: string, times: number): Notice => ({
  reason: 'ValuesSetNull',
  message: `column ${name}: ${count(times, 'value')} broke a rule and became null`,
});

/** A Reject check has done its work already: its rows are in quarantine. */
function verdict({ name, sql, severity, maxFailPercent = 0 }: Check, failing: number, clean: number): Notice[] {
  if (severity === 'Reject' || failing === 0 || (100 * failing) / clean <= maxFailPercent) return [];
  const allowed = maxFailPercent === 0 ? '' : `, more than the ${maxFailPercent} % allowed`;
  return spoken(severity, `check ${name}: ${failing} of ${count(clean, 'row')} do not meet ${sql}${allowed}`);
}

function totalVerdict({ name, rowCount, severity }: Check, clean: number): Notice[] {
  const { min = 0, max = Number.POSITIVE_INFINITY } = rowCount ?? {};
  if (clean >= min && clean <= max) return [];
  const wanted = clean < min ? `at least ${min}` : `at most ${max}`;
  return spoken(severity, `check ${name}: there are ${count(clean, 'row')}, ${wanted} expected`);
}

function spoken(severity: Check['severity'], message: string): Notice[] {
  if (severity === 'Fail') throw new TerminalError('CheckFailed', message);
  return [{ reason: 'CheckWarned', message }];
}

const count = (number: number, what: string): string => `${number} ${what}${number === 1 ? '' : 's'}`;

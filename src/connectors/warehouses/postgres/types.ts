import { identifier } from '../../duckdb.ts';

/** A column with its type as DuckDB names it. */
export interface TypedColumn {
  readonly name: string;
  readonly type: string;
}

/** How values of a type are kept in PostgreSQL, and how they travel there and back as text. */
interface Mapping {
  /** The type there. */
  readonly type: string;
  /** SQL of DuckDB: the text that PostgreSQL reads, of a column. */
  readonly written?: (column: string) => string;
  /** SQL of PostgreSQL: the text that DuckDB is given, of a column. */
  readonly told?: (column: string) => string;
  /** SQL of DuckDB: the value, of that text. */
  readonly read?: (text: string) => string;
}

const text: Mapping = { type: 'text', written: (column) => withoutNul(`CAST(${column} AS VARCHAR)`) };
/** PostgreSQL writes `BC` at the end, DuckDB `(BC)` after the date. */
const moment = (type: string): Mapping => ({
  type,
  written: (column) => `regexp_replace(CAST(${column} AS VARCHAR), '^(\\S+) \\(BC\\)(.*)$', '\\1\\2 BC')`,
  read: (told) => `regexp_replace(${told}, '^(\\S+)(.*) BC$', '\\1 (BC)\\2')`,
});
/** Text, so that it comes back as it was: `jsonb` would order members and round numbers. */
const json: Mapping = {
  type: 'json',
  written: (column) => `CAST(to_json(${column}) AS VARCHAR)`,
  read: (told) => `CAST(${told} AS JSON)`,
};
const bytes: Mapping = {
  type: 'bytea',
  written: (column) => `'\\x' || lower(hex(${column}))`,
  told: (column) => `encode(${column}, 'hex')`,
  read: (told) => `unhex(${told})`,
};

const mappings: Readonly<Record<string, Mapping>> = {
  VARCHAR: text,
  BOOLEAN: { type: 'boolean' },
  TINYINT: { type: 'smallint' },
  SMALLINT: { type: 'smallint' },
  INTEGER: { type: 'integer' },
  BIGINT: { type: 'bigint' },
  HUGEINT: { type: 'numeric(39,0)' },
  UTINYINT: { type: 'smallint' },
  USMALLINT: { type: 'integer' },
  UINTEGER: { type: 'bigint' },
  UBIGINT: { type: 'numeric(20,0)' },
  UHUGEINT: { type: 'numeric(39,0)' },
  FLOAT: { type: 'real' },
  DOUBLE: { type: 'double precision' },
  DATE: moment('date'),
  TIME: { type: 'time' },
  TIMESTAMP: moment('timestamp'),
  TIMESTAMP_S: moment('timestamp'),
  TIMESTAMP_MS: moment('timestamp'),
  'TIMESTAMP WITH TIME ZONE': moment('timestamptz'),
  UUID: { type: 'uuid' },
  BLOB: bytes,
  // As it stands: what has parts is made into JSON, and its numbers are written anew.
  JSON: { ...json, written: (column) => `CAST(${column} AS VARCHAR)` },
};

/** What PostgreSQL has no type for is kept as JSON where it has parts, and as text otherwise. */
function mappingOf(type: string): Mapping {
  const known = mappings[type];
  if (known) return known;
  if (type.startsWith('DECIMAL')) return { type: type.replace('DECIMAL', 'numeric') };
  const member = /^([^[]*)\[\]$/.exec(type)?.[1];
  const ofMember = member === undefined ? undefined : mappingOf(member);
  if (ofMember && !['json', 'bytea'].includes(ofMember.type)) return listOf(ofMember);
  return /[[(]/.test(type) && !type.startsWith('ENUM') ? json : text;
}

const listOf = (member: Mapping): Mapping => ({
  type: `${member.type}[]`,
  written: (column) =>
    `'{' || array_to_string(list_transform(${column}, lambda x: CASE WHEN x IS NULL THEN 'NULL' ELSE ${quoted(writtenOf(member, 'x'))} END), ',') || '}'`,
  told: (column) => `array_to_json(${column}::text[])`,
  read: (told) => {
    const texts = `CAST(CAST(${told} AS JSON) AS VARCHAR[])`;
    return member.read ? `list_transform(${texts}, lambda x: ${member.read('x')})` : texts;
  },
});

const quoted = (value: string): string => `'"' || replace(replace(${value}, '\\', '\\\\'), '"', '\\"') || '"'`;

/** The one character that no text of PostgreSQL can hold. */
const withoutNul = (value: string): string => `replace(${value}, chr(0), chr(65533))`;

const writtenOf = ({ written }: Mapping, column: string): string => written?.(column) ?? `CAST(${column} AS VARCHAR)`;

/** A column as it is declared in PostgreSQL. */
export const declared = ({ name, type }: TypedColumn): string => `${identifier(name)} ${mappingOf(type).type}`;

/** SQL of DuckDB that writes a value of a column as PostgreSQL reads it. */
export const written = ({ name, type }: TypedColumn): string => writtenOf(mappingOf(type), identifier(name));

/** SQL of PostgreSQL that tells a value of a column. */
export const told = ({ name, type }: TypedColumn): string => {
  const column = identifier(name);
  return mappingOf(type).told?.(column) ?? column;
};

/** SQL of DuckDB that makes the value of a column from what PostgreSQL told. */
export const read = ({ name, type }: TypedColumn): string => {
  const column = identifier(name);
  return `CAST(${mappingOf(type).read?.(column) ?? column} AS ${type}) AS ${column}`;
};

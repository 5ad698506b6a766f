const sqlTypes: Readonly<Record<string, string>> = {
  string: 'VARCHAR',
  integer: 'INTEGER',
  bigint: 'BIGINT',
  double: 'DOUBLE',
  boolean: 'BOOLEAN',
  date: 'DATE',
  timestamp: 'TIMESTAMP',
  json: 'JSON',
};

/** The type of list members, or `undefined` for other types. */
export const memberType = (type: string): string | undefined => /^list<(.*)>$/.exec(type)?.[1];

/** A column type of a manifest as DuckDB names it: `list<string>` → `VARCHAR[]`. */
export function sqlType(type: string): string {
  const member = memberType(type);
  if (member !== undefined) return `${sqlType(member)}[]`;
  return sqlTypes[type] ?? type.toUpperCase();
}

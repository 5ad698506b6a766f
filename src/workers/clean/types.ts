import type { Column } from '../../api/index.ts';
import { dayIn, momentIn } from './dates.ts';
import { floatingNumber, numberIn, wholeNumber } from './numbers.ts';

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

/** SQL of one text as a value of a type, NULL when it is none. What can be read in two ways is refused, not guessed. */
export function typed(text: string, type: string, parse: Column['parse']): string {
  switch (type) {
    case 'string':
      return text;
    case 'integer':
    case 'bigint':
      return wholeNumber(numberIn(text, parse?.number), sqlType(type));
    case 'double':
      return floatingNumber(numberIn(text, parse?.number));
    case 'boolean':
      return `CASE WHEN lower(${text}) IN ('true', '1', 'yes', 'y', 'sí', 'si') THEN true WHEN lower(${text}) IN ('false', '0', 'no', 'n') THEN false END`;
    case 'date':
      return dayIn(text, parse);
    case 'timestamp':
      return momentIn(text, parse);
    case 'json':
      return `CASE WHEN json_valid(${text}) THEN ${text}::JSON END`;
    default:
      return `TRY_CAST(${numberIn(text, parse?.number)} AS ${sqlType(type)})`;
  }
}

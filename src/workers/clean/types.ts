import type { Column } from '../../api/index.ts';
import { sqlType } from '../../connectors/sqlTypes.ts';
import { dayIn, momentIn } from './dates.ts';
import { floatingNumber, numberIn, wholeNumber } from './numbers.ts';

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

import {
  type DuckDBConnection,
  DuckDBScalarFunction,
  type DuckDBType,
  type DuckDBValue,
  VARCHAR,
} from '@duckdb/node-api';
import type { SqlFunction } from './function.ts';

/** Makes a SQL function of one text from a TypeScript function, as `registerTextFunction` does for one connection. */
export const textFunction = (
  about: Omit<SqlFunction, 'register'>,
  returnType: DuckDBType,
  evaluate: (text: string) => DuckDBValue,
): SqlFunction => ({
  ...about,
  register: async (connection) => registerTextFunction(connection, about.name, returnType, evaluate),
});

/**
 * Makes a TypeScript function of one text known to a connection. NULL gives NULL. `evaluate` must be bounded in time
 * whatever the text: DuckDB hands over 2,048 rows at a time on the event loop of the thread that registered it. When
 * DuckDB has several threads, the next call is often waiting as one ends, and timers wait for hundreds of calls: a
 * process that must stay awake gives such a query one thread (`DuckDBLimits.threads`) or a worker thread of its own.
 */
export function registerTextFunction(
  connection: DuckDBConnection,
  name: string,
  returnType: DuckDBType,
  evaluate: (text: string) => DuckDBValue,
): void {
  connection.registerScalarFunction(
    DuckDBScalarFunction.create({
      name,
      parameterTypes: [VARCHAR],
      returnType,
      mainFunction: (_, input, output) => {
        const texts = input.getColumnVector(0);
        for (let row = 0; row < input.rowCount; row++) {
          const text = texts.getItem(row);
          output.setItem(row, typeof text === 'string' ? evaluate(text) : null);
        }
        output.flush();
      },
    }),
  );
}

import type { DuckDBConnection } from '@duckdb/node-api';

/** A function that column expressions, checks and models may call in SQL. */
export interface SqlFunction {
  readonly name: string;
  /** For documentation: `name(argument type, …) → result type`. */
  readonly signature: string;
  readonly description: string;
  /**
   * What tells two versions of the function apart: its SQL, or a number that is raised whenever some argument gets
   * another result. It is part of the keys of all work whose SQL names the function.
   */
  readonly rules: string;
  /** Makes the function known to a connection; doing so again is harmless. */
  readonly register: (connection: DuckDBConnection) => Promise<void>;
}

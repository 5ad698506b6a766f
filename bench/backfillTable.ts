import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { literal, row } from '../src/connectors/duckdb.ts';
import { timed } from './compare.ts';

/** A table of events in a DuckDB file. */
export interface Table {
  readonly file: string;
  /** With its schema. */
  readonly name: string;
}

/** What is wrong with a table. */
export interface Verdict {
  /** Rows whose key another row has too. */
  readonly duplicates: number;
  /** Rows that should be there as the source has them last, and are not. */
  readonly lost: number;
  /** Rows that should not be there. */
  readonly foreign: number;
}

const columns = `{id: 'VARCHAR', "at": 'TIMESTAMP', state: 'VARCHAR', revision: 'BIGINT'}`;

/** The limit: one statement reads the saved days and merges them into a table; in seconds. */
export async function mergeInOneStatement(folder: string, { file, name }: Table): Promise<number> {
  const instance = await DuckDBInstance.create(file);
  const connection = await instance.connect();
  const merge = `
    MERGE INTO ${name} AS old USING (
      SELECT id, "at", state, revision, filename AS _source_uri, md5(concat_ws('|', id, "at", state, revision)) AS _row_hash
      FROM read_json(${literal(join(folder, '*.json'))}, columns = ${columns}, filename = true)
      QUALIFY row_number() OVER (PARTITION BY id ORDER BY revision DESC) = 1
    ) AS new USING (id)
    WHEN MATCHED AND new.revision > old.revision THEN UPDATE
    WHEN NOT MATCHED THEN INSERT`;
  try {
    return await timed(async () => {
      await connection.run(
        `CREATE TABLE IF NOT EXISTS ${name}(id VARCHAR PRIMARY KEY, "at" TIMESTAMP, state VARCHAR, revision BIGINT,
          _source_uri VARCHAR, _row_hash VARCHAR)`,
      );
      await connection.run(merge);
      await connection.run('CHECKPOINT');
    });
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

/** Holds a table against the right one, row by row. Nobody else may have the files open. */
export async function judge({ file, name }: Table, right: Table): Promise<Verdict> {
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  const rowsOf = (database: string, table: string) =>
    `SELECT id, epoch_ms("at") AS "at", state, revision FROM ${database}.${table}`;
  try {
    await connection.run(`ATTACH ${literal(file)} AS judged (READ_ONLY)`);
    await connection.run(`ATTACH ${literal(right.file)} AS truth (READ_ONLY)`);
    const found = await row(
      connection,
      `WITH judged_rows AS (${rowsOf('judged', name)}), right_rows AS (${rowsOf('truth', right.name)})
       SELECT (SELECT count(*) - count(DISTINCT id) FROM judged_rows)::INTEGER AS duplicates,
         (SELECT count(*) FROM (FROM right_rows EXCEPT FROM judged_rows))::INTEGER AS lost,
         (SELECT count(*) FROM (FROM judged_rows EXCEPT FROM right_rows))::INTEGER AS foreign_rows`,
    );
    const { duplicates, lost, foreign_rows: foreign } = found;
    return { duplicates: Number(duplicates), lost: Number(lost), foreign: Number(foreign) };
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

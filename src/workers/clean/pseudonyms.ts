import { createHmac } from 'node:crypto';
import { type DuckDBConnection, VARCHAR } from '@duckdb/node-api';
import type { SecretKeyRef } from '../../api/index.ts';
import { keyText } from '../../connectors/canonical.ts';
import { registerTextFunction } from '../../enrich/textFunction.ts';
import { TerminalError } from '../../run/errors.ts';

/** SQL of the pseudonym of some columns, NULL when one of them is. Equal values have equal pseudonyms, in every table. */
export const pseudonymOf = (columns: readonly string[]): string => `_pseudonym(${keyText(columns)})`;

/** Who knows neither key nor person cannot go back; a short key could be found by trying. */
const leastBytes = 16;

/** 128 bits, in hex: no two people of any country share one. */
const digits = 32;

/**
 * Makes `_pseudonym(text)` known: HMAC-SHA256 under the key, cut to 128 bits. It is not a macro, so that neither the key
 * nor anything made of it is ever in a text of SQL.
 */
export function registerPseudonyms(
  connection: DuckDBConnection,
  key: string | undefined,
  { name, key: member }: SecretKeyRef,
): void {
  if (key === undefined || Buffer.byteLength(key) < leastBytes) {
    const found = key === undefined ? 'is missing' : `has less than ${leastBytes} bytes`;
    throw new TerminalError(
      'SecretInvalid',
      `secret ${name}, key ${member}, the key of pseudonyms, ${found}; make one with: openssl rand -hex 32`,
    );
  }
  const pseudonym = (text: string) => createHmac('sha256', key).update(text).digest('hex').slice(0, digits);
  registerTextFunction(connection, '_pseudonym', VARCHAR, pseudonym);
}

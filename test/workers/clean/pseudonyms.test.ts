import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { Row } from '../../../src/connectors/duckdb.ts';
import { cleaned } from './harness.ts';

const pseudonymKey = 'a key of the test that is long enough';

/** Made-up people. */
const people = ['CC;1045000001;Ada', ' cc ; 1045000001 ;Ada L.', 'TI;1045000001;Ben', 'CC;1045000002;Cleo', 'CC;;Dan'];

const registry = (lines: readonly string[] = people, key = pseudonymKey, required = false) =>
  cleaned({
    format: { csv: { delimiter: ';' } },
    key: ['line'],
    pseudonymKey: key,
    clean: {
      columns: [
        { name: 'line', type: 'string', from: 'line' },
        { name: 'document_type', type: 'string', from: 'type', case: 'Upper', privacy: 'Identifier' },
        { name: 'document_number', type: 'string', from: 'number', privacy: 'Identifier' },
        { name: 'person_key', type: 'string', pseudonym: ['document_type', 'document_number'], required },
        { name: 'known', type: 'boolean', sql: 'person_key IS NOT NULL AND document_number IS NOT NULL' },
      ],
    },
    bodies: [['type;number;name;line', ...lines.map((line, at) => `${line};${at}`)].join('\n')],
  });

const keysOf = (rows: readonly Row[]) => rows.map(({ person_key }) => person_key);

describe('pseudonyms', () => {
  it('are HMAC-SHA256 over the typed values, cut to 128 bits; the same person has the same one', async () => {
    const { rows } = await registry();
    const of = (...values: string[]) =>
      createHmac('sha256', pseudonymKey).update(JSON.stringify(values)).digest('hex').slice(0, 32);
    const [ada, ben, cleo] = [of('CC', '1045000001'), of('TI', '1045000001'), of('CC', '1045000002')];
    expect(keysOf(rows)).toEqual([ada, ada, ben, cleo, null]);
  });

  it('leave what they are made of behind: it is seen by later columns, and in no file', async () => {
    const { rows, result } = await registry();
    expect(rows.map(({ known }) => known)).toEqual([true, true, true, true, false]);
    expect(Object.keys(rows[0] ?? {})).not.toContain('document_number');
    expect(JSON.stringify(rows)).not.toContain('1045000001');
    expect(result.schema?.map(({ name }) => name)).toEqual(['line', 'person_key', 'known']);
  });

  it('are others under another key', async () => {
    const [one, other] = [await registry(), await registry(people, 'another key of the same length or so')];
    expect(keysOf(one.rows).filter((key) => key !== null && keysOf(other.rows).includes(key))).toEqual([]);
  });

  it('of two values are not those of one with a comma in it', async () => {
    const { rows } = await registry(['a,b;c;', 'a;b,c;', '"a"",""B";c;', 'a;"B"",""c";']);
    expect(new Set(keysOf(rows)).size).toBe(4);
  });

  it('are missing where a value is: such a row can be sent back', async () => {
    const { ledger, quarantine } = await registry(people, pseudonymKey, true);
    expect(ledger).toMatchObject({ clean: 4, rejected: { 'required:person_key': 1 } });
    expect(quarantine.map(({ record }) => record)).toMatchObject([{ name: 'Dan' }]);
  });

  it.each(['', 'short'])('need a key that cannot be found by trying, which %j is not', async (key) => {
    await expect(registry(people, key)).rejects.toThrow(
      'secret registry, key person-key, the key of pseudonyms, has less than 16 bytes; make one with: openssl rand -hex 32',
    );
  });
});

import { describe, expect, it } from 'vitest';
import { cleaned } from './harness.ts';

/** The patterns by which a registry tells groups of people; the rows are made up. */
const match = [
  { value: 'grupos_etnicos', pattern: 'afrodesc|raizal|indígena|gitano|rrom|palenquer' },
  { value: 'vca', pattern: 'conflicto armado|desplazad' },
  { value: 'discapacidad', pattern: 'discapacidad' },
  { value: 'migrante', pattern: 'migrante|^(ppt|pep)$|venezol' },
  { value: 'vvg', pattern: 'violencia.*(genero|intrafamiliar)' },
  { value: 'vca', pattern: '\\bV\\.?C\\.?A\\b' },
];
const from = ['Condiciones Especiales', 'Programa de Gobierno', 'Tipo Documento'];

const registry = (lines: readonly string[], column: object = {}) =>
  cleaned({
    format: { csv: { delimiter: ';' } },
    key: ['no'],
    clean: {
      nulls: ['', 'ninguno'],
      columns: [
        { name: 'no', type: 'integer', from: 'No. ' },
        { name: 'populations', type: 'list<string>', flags: { from, match }, ...column },
      ],
    },
    bodies: [`${lines.join('\n')}\n`],
  });

const header = 'No. ;Condiciones Especiales;Programa de Gobierno;Tipo Documento';
const sets = (rows: readonly Record<string, unknown>[]) => rows.map(({ populations }) => populations);

describe('flags', () => {
  it('are every value whose pattern is found in any of the texts, without case and accents, in the order of the manifest', async () => {
    const { rows, notices } = await registry([
      header,
      '1;Indigenas;;CC',
      '2;DISCAPACIDAD FÍSICA, Afrodescendiente;Víctima del Conflicto Armado;CC',
      '3;;;PPT',
      '4;Violencia basada en GÉNERO;Migrantes;PEP',
      '5;ninguno;;CC',
      '6;;;',
      '7;No es PPT;;CC',
      '8;v.c.a;;CC',
      '9;avca;;CC',
    ]);
    expect(sets(rows)).toEqual([
      ['grupos_etnicos'],
      ['grupos_etnicos', 'vca', 'discapacidad'],
      ['migrante'],
      ['migrante', 'vvg'],
      [],
      [],
      [],
      ['vca'],
      [],
    ]);
    expect(notices).toEqual([]);
  });

  it('of records with lists look into each member; an object is no text', async () => {
    const { rows, quarantine } = await cleaned({
      format: { jsonl: {} },
      key: ['id'],
      clean: {
        columns: [
          { name: 'id', type: 'string', from: '$.id' },
          {
            name: 'tags',
            type: 'list<string>',
            flags: {
              from: ['$.tags', '$.note'],
              match: [
                { value: 'remote', pattern: 'remote|télétravail' },
                { value: 'night', pattern: '^night$' },
              ],
            },
          },
        ],
      },
      bodies: [
        [
          { id: 'a', tags: ['REMOTE', 'night shift'] },
          { id: 'b', tags: ['day', ' Night '], note: 'teletravail' },
          { id: 'c' },
          { id: 'd', tags: { remote: true } },
        ]
          .map((record) => JSON.stringify(record))
          .join('\n'),
      ],
    });
    expect(rows.map(({ tags }) => tags)).toEqual([['remote'], ['remote', 'night'], []]);
    expect(quarantine.map(({ reasons }) => reasons.map((reason) => reason.split(':', 2).join(':')))).toEqual([
      ['tags:type'],
    ]);
  });

  it('that must not be empty cost a row without any', async () => {
    const { rows, ledger } = await registry([header, '1;Raizal;;CC', '2;;;CC'], { required: true });
    expect(sets(rows)).toEqual([['grupos_etnicos']]);
    expect(ledger.rejected).toEqual({ 'required:populations': 1 });
  });

  it('tell of each header that a file lacks, though others are searched', async () => {
    const { rows, notices } = await registry(['No. ;condiciones especiales;Tipo Documento', '1;Raizal;PPT']);
    expect(sets(rows)).toEqual([['grupos_etnicos', 'migrante']]);
    expect(notices).toEqual([
      'SchemaDrift: the source lacks the headers of populations ("Programa de Gobierno", not searched)',
    ]);
  });

  it('end the step when they are required and a header is lost', async () => {
    const lost = registry(['No. ;Condiciones;Programa de Gobierno;Tipo Documento', '1;Raizal;;CC'], { required: true });
    await expect(lost).rejects.toThrow(
      'has no header "Condiciones Especiales", which the required column populations is read from',
    );
  });

  it('are refused with a pattern that the database cannot read', async () => {
    const wrong = registry([header, '1;;;CC'], { flags: { from, match: [{ value: 'a', pattern: 'a{2000}' }] } });
    await expect(wrong).rejects.toThrow(/postings\.clean\.columns\[1\]\.flags\.match\[0\]\.pattern: /);
  });
});

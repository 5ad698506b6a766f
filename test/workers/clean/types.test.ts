import { describe, expect, it } from 'vitest';
import { valuesOf } from './harness.ts';

type Column = Parameters<typeof valuesOf>[0];
type Case = readonly [found: unknown, becomes: unknown];

/** Each case becomes one record; all of a column are cleaned together. */
async function expectAll(column: Column, cases: readonly Case[]): Promise<void> {
  const values = await valuesOf(
    column,
    cases.map(([found]) => found),
  );
  expect(cases.map(([found], at) => [found, values[at]])).toEqual(cases.map(([found, becomes]) => [found, becomes]));
}

const refused = '✗ type';

describe('texts', () => {
  it('are trimmed, without control characters, composed; blank is null', () =>
    expectAll({ type: 'string' }, [
      [' a b ', 'a b'],
      ['\u00a0\u200b\ufeffa\u3000', 'a'],
      ['a\u0000b\u0007c\u0085d', 'abcd'],
      ['one\r\ntwo\rthree\tfour', 'one\ntwo\nthree\tfour'],
      ['Nu\u0301mero', 'Número'],
      ['', null],
      [' \t\n\u00a0 ', null],
      [null, null],
      [12, '12'],
      [12.5, '12.5'],
      [true, 'true'],
      ['null', 'null'],
      ['{"not": "an object"}', '{"not": "an object"}'],
      ['[draft] title', '[draft] title'],
      [{ an: 'object' }, refused],
      [['a list'], refused],
    ]));

  it('are written in the case asked for', async () => {
    await expectAll({ type: 'string', case: 'Upper' }, [[' josé ', 'JOSÉ']]);
    await expectAll({ type: 'string', case: 'Lower' }, [['JOSÉ', 'josé']]);
    await expectAll({ type: 'string', case: 'Title' }, [
      ['BARRIO ABAJO', 'Barrio Abajo'],
      ['san josé-del río', 'San José-Del Río'],
      ['ñandú', 'Ñandú'],
    ]);
  });
});

describe('numbers', () => {
  it('of type decimal: plain, with currency and thousands; nothing that can be read in two ways', () =>
    expectAll({ type: 'decimal(12,2)' }, [
      ['92166', '92166.00'],
      ['161600.0', '161600.00'],
      [161600.5, '161600.50'],
      ['$1,234.50', '1234.50'],
      ['S/. 1,200.00', '1200.00'],
      ['US$ 1,234', '1234.00'],
      ['USD 12', '12.00'],
      ['12.5 €', '12.50'],
      ['1 234 567.89', '1234567.89'],
      ["1'234.50", '1234.50'],
      ['-$5', '-5.00'],
      ['\u22125', '-5.00'],
      ['+5', '5.00'],
      ['.5', '0.50'],
      ['1e3', '1000.00'],
      ['1.005', '1.01'],
      ['9999999999.99', '9999999999.99'],
      ['10000000000', refused],
      ['1,5', refused],
      ['1.234,50', refused],
      ['12,34', refused],
      ['1,2345', refused],
      ['1.2.3', refused],
      ['--5', refused],
      ['12-13', refused],
      ['1_000', refused],
      ['0x10', refused],
      ['12 to 15', refused],
      ['12%', refused],
      ['NaN', refused],
      ['ten', refused],
      [true, refused],
      [[1], refused],
      ['', null],
    ]));

  it('with a decimal comma, a percent sign, another group', async () => {
    await expectAll({ type: 'decimal(7,2)', parse: { number: { decimal: ',', percent: true } } }, [
      ['85,5 %', '85.50'],
      ['85%', '85.00'],
      ['1.234,5', '1234.50'],
      ['1.5', refused],
      ['85', '85.00'],
      [12.125, '12.13'],
      [1.5, '1.50'],
      [1200, '1200.00'],
    ]);
    await expectAll({ type: 'double', parse: { number: { group: '_' } } }, [
      ['1_000.5', 1000.5],
      ['1,000.5', refused],
    ]);
  });

  it('of type integer and bigint: whole, in range', async () => {
    await expectAll({ type: 'integer' }, [
      ['12', 12],
      ['12.0', 12],
      [12, 12],
      ['1,200', 1200],
      ['-3', -3],
      ['12.5', refused],
      ['1e3', refused],
      ['2147483648', refused],
    ]);
    await expectAll({ type: 'bigint' }, [
      ['9223372036854775807', '9223372036854775807'],
      ['9223372036854775808', refused],
    ]);
  });

  it('of type double: finite', () =>
    expectAll({ type: 'double' }, [
      ['28975.0', 28975],
      ['1e-7', 1e-7],
      ['1e999', refused],
      ['inf', refused],
    ]));
});

it('booleans', () =>
  expectAll({ type: 'boolean' }, [
    ...['1', 'true', 'TRUE', 'Yes', 'y', 'sí', 'SI', 1, true].map((found): Case => [found, true]),
    ...['0', 'false', 'No', 'N', 0, false].map((found): Case => [found, false]),
    ['maybe', refused],
    ['2', refused],
    ['', null],
  ]));

describe('dates and timestamps', () => {
  it('timestamps in ISO 8601 and forms that cannot be misread, in UTC', () =>
    expectAll({ type: 'timestamp' }, [
      ['2016-05-03T00:00:00Z', '2016-05-03 00:00:00'],
      ['2024-01-02T23:59:59.9970', '2024-01-02 23:59:59.997'],
      ['2024-01-02T23:59:59.1234567Z', '2024-01-02 23:59:59.123456'],
      ['2016-05-03', '2016-05-03 00:00:00'],
      ['2016-05-03 10:11', '2016-05-03 10:11:00'],
      ['2016-05-03T10:11:12-05:00', '2016-05-03 15:11:12'],
      ['2016-05-03T10:11:12+0530', '2016-05-03 04:41:12'],
      ['2016-05-03 10:11:12 UTC', '2016-05-03 10:11:12'],
      ['2016-05-03t10:11:12z', '2016-05-03 10:11:12'],
      ['/Date(1462233600000)/', '2016-05-03 00:00:00'],
      ['May 3, 2016', '2016-05-03 00:00:00'],
      ['3 May 2016', '2016-05-03 00:00:00'],
      ['2016/05/03', '2016-05-03 00:00:00'],
      ['20160503', '2016-05-03 00:00:00'],
      ['Tue, 03 May 2016 00:00:00 GMT', '2016-05-03 00:00:00'],
      ['5/3/2016', refused],
      ['03-05-2016', refused],
      ['2016-02-30', refused],
      ['2016-13-01', refused],
      ['2016-5-3', refused],
      ['infinity', refused],
      ['42493', refused],
      ['1462233600', refused],
      ['soon', refused],
      [20, refused],
    ]));

  it('days as they are written, whatever zone is written beside them', () =>
    expectAll({ type: 'date' }, [
      ['2016-05-03', '2016-05-03'],
      ['2016-05-03T23:30:00-05:00', '2016-05-03'],
      ['May 3, 2016', '2016-05-03'],
      ['2016-02-30', refused],
      ['3/5/2016', refused],
    ]));

  it('in the forms a column lists, in order, and no others', async () => {
    await expectAll({ type: 'date', parse: { dates: ['serial', '%d-%m-%Y', '%d/%m/%Y'] } }, [
      ['45292', '2024-01-01'],
      ['45292.75', '2024-01-01'],
      ['03-05-2016', '2016-05-03'],
      ['3/5/2016', '2016-05-03'],
      ['31/02/2016', refused],
      ['03/05/16', refused],
      ['2016-05-03', refused],
    ]);
    await expectAll({ type: 'timestamp', parse: { dates: ['serial', '%m/%d/%Y %H:%M', '%Y-%m-%dT%H:%M:%S%z'] } }, [
      ['45292.75', '2024-01-01 18:00:00'],
      ['5/3/2016 10:11', '2016-05-03 10:11:00'],
      ['2016-05-03T10:00:00+0200', '2016-05-03 08:00:00'],
    ]);
    await expectAll({ type: 'date', parse: { dates: ['%d/%m/%y'] } }, [['03/05/16', '2016-05-03']]);
  });

  it('with month names of the language', async () => {
    await expectAll({ type: 'date', parse: { dates: ['%d de %B de %Y', '%d-%b-%Y'], language: 'es' } }, [
      ['3 de mayo de 2016', '2016-05-03'],
      ['1 de Enero de 2024', '2024-01-01'],
      ['15 de SETIEMBRE de 2024', '2024-09-15'],
      ['7-ago-2024', '2024-08-07'],
      ['7-dic.-2024', '2024-12-07'],
      ['3 de brumario de 2016', refused],
    ]);
    await expectAll({ type: 'date', parse: { dates: ['%d %B %Y'], language: 'fr' } }, [
      ['14 février 2024', '2024-02-14'],
    ]);
  });
});

describe('json and lists', () => {
  it('json stays as it is', () =>
    expectAll({ type: 'json' }, [
      [{ a: [1, ' x '] }, '{"a":[1," x "]}'],
      [' text ', '" text "'],
      [null, null],
    ]));

  it('lists of texts: members cleaned, blank ones left out; one value is a list of one', () =>
    expectAll({ type: 'list<string>' }, [
      [
        [' a ', '', null, 'b', 3],
        ['a', 'b', '3'],
      ],
      ['a', ['a']],
      [[], []],
      [null, null],
      [[{ an: 'object' }], refused],
      [{ an: 'object' }, refused],
    ]));

  it('lists of numbers: all members or none', () =>
    expectAll({ type: 'list<integer>' }, [
      [
        ['1', 2, '3.0'],
        [1, 2, 3],
      ],
      [['1', 'two'], refused],
    ]));

  it('lists that stand in one text are split; a text that means null as a whole is none', async () => {
    const found = ['Física, Visual,, ninguna ', ' N/A ', 'a/b', ['x,y', 'z'], '', null, ','];
    expect(await valuesOf({ type: 'list<string>', split: ',' }, found, { nulls: ['n/a', 'ninguna'] })).toEqual([
      ['Física', 'Visual'],
      ...[[], ['a/b'], ['x', 'y', 'z'], [], null, []],
    ]);
    expect(await valuesOf({ type: 'list<string>', split: '/' }, found, { nulls: ['n/a'] })).toEqual([
      ['Física, Visual,, ninguna'],
      ...[[], ['a', 'b'], ['x,y', 'z'], [], null, [',']],
    ]);
    expect(await valuesOf({ type: 'list<integer>', split: ' - ', max: '9' }, ['1 - 2', '1-2', '7 - 10'])).toEqual([
      ...[[1, 2], refused, '✗ max'],
    ]);
    expect(await valuesOf({ type: 'list<string>', split: '\n' }, ['one\r\ntwo'])).toEqual([['one', 'two']]);
    expect(await valuesOf({ type: 'list<string>', split: '|', map: { tel: 'phone' } }, ['TEL|mail'])).toEqual([
      ['phone', 'mail'],
    ]);
  });

  it('a wildcard finds a list of values', async () => {
    const values = await valuesOf({ type: 'list<string>', from: '$.v[*].name' }, [
      [{ name: ' x ' }, {}, { name: 'y' }],
      [],
      null,
      [{ name: { deep: 1 } }],
    ]);
    expect(values).toEqual([['x', 'y'], [], [], refused]);
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CsvScanner } from '../../src/format/csvScanner.ts';

interface Scanned {
  readonly records: { readonly line: number; readonly values: readonly string[] }[];
  readonly broken: { readonly line: number; readonly text: string }[];
}

function scan(text: string | Buffer, { delimiter = ',', quote = '"', skip = 0, chunk = 1 << 20 } = {}): Scanned {
  const scanned: Scanned = { records: [], broken: [] };
  const dialect = { delimiter: Buffer.from(delimiter), quote: Buffer.from(quote)[0], skip };
  const scanner = new CsvScanner(dialect, {
    record: (line, values) =>
      scanned.records.push({ line, values: values.toString().replaceAll('\x1e', '\n').split('\x1f') }),
    broken: (line, text) => scanned.broken.push({ line, text: text.toString() }),
  });
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += chunk) scanner.push(bytes.subarray(at, at + chunk));
  scanner.end();
  return scanned;
}

const valuesOf = (text: string, options = {}) => scan(text, options).records.map(({ values }) => values);

describe('well-formed text', () => {
  it('reads values, quotes, line breaks and empty values', () => {
    expect(valuesOf('a,b\n1,"x, ""y"""\r\n"two\nlines",\n')).toEqual([
      ['a', 'b'],
      ['1', 'x, "y"'],
      ['two\nlines', ''],
    ]);
  });

  it('reads a last line without a line end, and CR as a line end', () => {
    expect(valuesOf('a,b\r1,2\r3,4')).toEqual([
      ['a', 'b'],
      ['1', '2'],
      ['3', '4'],
    ]);
    expect(valuesOf('a,b\n1,')).toEqual([
      ['a', 'b'],
      ['1', ''],
    ]);
  });

  it('leaves blank lines out but counts them', () => {
    const { records, broken } = scan('a,b\n\n   \r\n1,2\n\n"x\r\ny",3\n4,5\n');
    expect(records.map(({ line }) => line)).toEqual([1, 4, 6, 8]);
    expect(broken).toEqual([]);
  });

  it('allows blanks around quotes, which cannot mean anything else', () => {
    expect(valuesOf('a, "b, c" ,d\n')).toEqual([['a', 'b, c', 'd']]);
  });

  it('reads other delimiters, several characters and none that quotes', () => {
    expect(valuesOf('a;b\n"1;2";3\n', { delimiter: ';' })).toEqual([
      ['a', 'b'],
      ['1;2', '3'],
    ]);
    expect(valuesOf('a||b|c\n1||2\n', { delimiter: '||' })).toEqual([
      ['a', 'b|c'],
      ['1', '2'],
    ]);
    expect(valuesOf('a\tb\n5" pipe\t"x\n', { delimiter: '\t', quote: '' })).toEqual([
      ['a', 'b'],
      ['5" pipe', '"x'],
    ]);
  });

  it('skips lines above the header', () => {
    expect(scan('Report "2024\nmade up\na,b\n1,2\n', { skip: 2 }).records.map(({ line }) => line)).toEqual([3, 4]);
  });
});

describe('damaged text', () => {
  it('takes a line with a stray or unclosed quote out, and nothing else', () => {
    const { records, broken } = scan('id,t\n1,"open\n2,b\n3,5" pipe\n4,"x"y\n5,"fine"\n6,"open again\n7,c\n');
    expect(records.map(({ values }) => values[0])).toEqual(['id', '2', '5', '7']);
    expect(broken).toEqual([
      { line: 2, text: '1,"open' },
      { line: 4, text: '3,5" pipe' },
      { line: 5, text: '4,"x"y' },
      { line: 7, text: '6,"open again' },
    ]);
  });

  it('does not let a stray quote and a later one swallow the lines between them', () => {
    const { records, broken } = scan('id,t,u\n1,"open,x\n2,b,x\n3,c,"\n4,d,x\n');
    expect(records.map(({ values }) => values[0])).toEqual(['id', '2', '4']);
    expect(broken.map(({ line }) => line)).toEqual([2, 4]);
  });

  it('takes records with a wrong number of values out as a whole', () => {
    const { records, broken } = scan('id,t\n1\n2,b,c\n"3\nlong story",b,c\n4,d\n5,e,"last\nline"');
    expect(records.map(({ values }) => values[0])).toEqual(['id', '4']);
    expect(broken).toEqual([
      { line: 2, text: '1\n' },
      { line: 3, text: '2,b,c\n' },
      { line: 4, text: '"3\nlong story",b,c\n' },
      { line: 7, text: '5,e,"last\nline"' },
    ]);
  });

  it('gives up a record that is longer than any may be, and goes on after its line', () => {
    const long = 'x'.repeat(17 * 2 ** 20);
    const { records, broken } = scan(`id,t\n1,a\n2,${long}\n3,"open${long}\n4,b\n`, { chunk: 1 << 18 });
    expect(records.map(({ values }) => values[0])).toEqual(['id', '1', '4']);
    expect(broken.map(({ line }) => line)).toEqual([3, 4]);
  });

  it('reads a large text with an unclosed quote at its start in linear time', () => {
    const rows = 200_000;
    const text = `id,t\n0,"open\n${Array.from({ length: rows }, (_, at) => `${at + 1},made up text number ${at}\n`).join('')}`;
    const before = performance.now();
    const { records, broken } = scan(text, { chunk: 1 << 16 });
    expect(performance.now() - before).toBeLessThan(60_000); // in quadratic time it would be hours
    expect([records.length, broken.length]).toEqual([rows + 1, 1]);
  });
});

describe('for any text', () => {
  const value = fc.string({ unit: fc.constantFrom('a', 'é', ' ', ',', ';', '"', '\n', '\r\n', '\t'), maxLength: 8 });
  const quoted = (text: string) => `"${text.replaceAll('"', '""')}"`;

  it('reads back what was written by the rules', () => {
    const table = fc
      .integer({ min: 2, max: 4 })
      .chain((width) =>
        fc.array(fc.array(value, { minLength: width, maxLength: width }), { minLength: 1, maxLength: 8 }),
      );
    fc.assert(
      fc.property(table, fc.constantFrom('\n', '\r\n'), fc.integer({ min: 1, max: 9 }), (rows, lineEnd, chunk) => {
        const text = rows.map((row) => row.map(quoted).join(',') + lineEnd).join('');
        const { records, broken } = scan(text, { chunk });
        expect(broken).toEqual([]);
        expect(records.map(({ values }) => values)).toEqual(
          rows.map((row) => row.map((text) => text.replaceAll('\r\n', '\n'))),
        );
      }),
    );
  });

  const mess = fc.string({ unit: fc.constantFrom('a', ' ', ',', '"', '""', '\n', '\r\n', '\r'), maxLength: 60 });

  it('finds the same whatever pieces the text comes in', () => {
    fc.assert(
      fc.property(mess, fc.integer({ min: 1, max: 7 }), (text, chunk) => {
        expect(scan(text, { chunk })).toEqual(scan(text));
      }),
      { numRuns: 2000 },
    );
  });

  it('loses no letter: each is in a record or in a broken line, in order', () => {
    const letters = (text: string) => text.replace(/[^a]/g, '').length;
    fc.assert(
      fc.property(mess, (text) => {
        const { records, broken } = scan(text);
        const kept = records.map(({ values }) => values.join('')).join('') + broken.map(({ text }) => text).join('');
        expect(letters(kept)).toBe(letters(text));
        const lines = [...records, ...broken].map(({ line }) => line).sort((a, b) => a - b);
        expect(new Set(lines).size).toBe(lines.length);
      }),
      { numRuns: 2000 },
    );
  });
});

import { describe, expect, it } from 'vitest';
import { type Cleaned, cleaned, type Dataset } from '../workers/clean/harness.ts';

type CsvOptions = NonNullable<Dataset['format']['csv']>;

const columns: Dataset['clean']['columns'] = [
  { name: 'id', type: 'string', from: 'Código' },
  { name: 'title', type: 'string', from: 'Title' },
  { name: 'pay', type: 'decimal(12,2)', from: '% Pay', aliases: ['Salario'] },
];

const read = (bodies: readonly (string | Buffer)[], csv: CsvOptions = {}): Promise<Cleaned> =>
  cleaned({ format: { csv }, key: ['id'], seen: true, clean: { columns }, bodies });

const short = ({ rows }: Cleaned) => rows.map(({ id, title, pay, _source_row }) => [id, title, pay, _source_row]);

describe('csv', () => {
  it('finds columns by header, compared normalised, whatever the order in each file', async () => {
    const result = await read([
      'CODIGO ,title,%  PAY,extra\r\n1,"a, ""b""\r\nc",12.5,x\r\n\r\n2,,,\r\n',
      '\ufeffSalario,skipped,Código\n7,y,3\n',
    ]);
    expect(short(result)).toEqual([
      ['1', 'a, "b"\nc', '12.50', '2'],
      ['2', null, null, '5'],
      ['3', null, '7.00', '2'],
    ]);
    expect(result.notices).toEqual([
      'SchemaDrift: the source has columns that no column takes: "extra", "skipped"',
      'SchemaDrift: the source lacks the headers of title (null there)',
    ]);
    expect(result.rows.map(({ _source_uri }) => _source_uri)).toEqual([
      ...['https://source.test/0', 'https://source.test/0', 'https://source.test/1'],
    ]);
  });

  it('keeps broken lines in quarantine as they stand, with their line number, and everything else', async () => {
    const text = 'código,title,% pay\n1,"open,1\n2,b,2\n3,c\n4,d,4,x\n5,in "the" middle,5\n6,f,6\n';
    const { rows, quarantine, ledger, seen } = await read([text]);
    expect(rows.map(({ id }) => id)).toEqual(['2', '6']);
    expect(quarantine).toEqual([
      { key: null, record: '1,"open,1', row: 2, reasons: [':csv:1,"open,1'] },
      { key: null, record: '3,c', row: 4, reasons: [':csv:3,c'] },
      { key: null, record: '4,d,4,x', row: 5, reasons: [':csv:4,d,4,x'] },
      { key: null, record: '5,in "the" middle,5', row: 6, reasons: [':csv:5,in "the" middle,5'] },
    ]);
    expect(ledger).toEqual({ read: 6, expanded: 0, clean: 2, rejected: { csv: 4 }, filtered: 0, deduplicated: 0 });
    expect(seen).toEqual(['["2"]', '["6"]', null, null, null, null]);
  });

  it('shows rejected records under the headers of the file', async () => {
    const { quarantine } = await read(['Código,Title,Title,% pay\n1,"two\nlines",again,much\n']);
    expect(quarantine).toEqual([
      {
        key: '["1"]',
        record: { Código: '1', Title: 'two\nlines', title_2: 'again', '% pay': 'much' },
        row: 2,
        reasons: ['pay:type:much'],
      },
    ]);
  });

  it('reads what the options say: delimiter, quote, lines to skip, no header', async () => {
    const skipped = await read(["Made-up report\n\"of 2024\ncódigo;title;% pay\n1;'a;b';2\n"], {
      delimiter: ';',
      quote: "'",
      skip: 2,
    });
    expect(short(skipped)).toEqual([['1', 'a;b', '2.00', '4']]);
    const bare = await cleaned({
      format: { csv: { header: false, delimiter: '||' } },
      key: ['a'],
      clean: {
        columns: [
          { name: 'a', type: 'integer', from: 'column0' },
          { name: 'b', type: 'list<string>', from: 'column1' },
          { name: 'c', type: 'json', from: 'column2' },
        ],
      },
      bodies: ['1||x||"{""y"": 1}"\n2||||\n3||z||{\n'],
    });
    expect(bare.rows).toMatchObject([
      { a: 1, b: ['x'], c: '{"y": 1}', _source_row: '1' },
      { a: 2, b: null, c: null },
    ]);
    expect(bare.ledger.rejected).toEqual({ 'type:c': 1 });
  });

  it('reads other encodings, and says so when a file is in another one', async () => {
    const text = 'código,title,% pay\n1,año,1\n2,plain,2\n';
    const utf16 = Buffer.from(`\ufeff${text}`, 'utf16le');
    const utf16be = Buffer.from(utf16).swap16();
    const latin1 = Buffer.from(text, 'latin1');
    const rows = [
      ['1', 'año', '1.00', '2'],
      ['2', 'plain', '2.00', '3'],
    ];
    expect(short(await read([latin1], { encoding: 'latin-1' }))).toEqual(rows);
    expect(short(await read([utf16]))).toEqual(rows);
    expect(short(await read([utf16be]))).toEqual(rows);
    expect(short(await read([utf16.subarray(2)], { encoding: 'utf-16' }))).toEqual(rows);

    await expect(read([utf16.subarray(2)])).rejects.toThrow('looks like UTF-16');
    await expect(read([latin1])).rejects.toThrow('if the source is Latin-1, set format.csv.encoding to latin-1');
    const header = Buffer.from('codigo,title,% pay\n');
    const mixed = await read([Buffer.concat([header, latin1.subarray(latin1.indexOf('1,'))])]);
    expect(short(mixed)).toEqual([['2', 'plain', '2.00', '3']]);
    expect(mixed.ledger.rejected).toEqual({ encoding: 1 });
    expect(mixed.notices).toEqual([
      'EncodingWrong: 1 line is not UTF-8 and went to quarantine; if the source is Latin-1, set format.csv.encoding to latin-1',
    ]);
  });

  it('refuses a file without a required header, naming those it has and the nearest', async () => {
    const error = await read(['codigos,title\n1,a\n']).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ reason: 'ColumnMissing' });
    expect(String(error)).toContain(
      'https://source.test/0 has no header "Código", which the required column id is read from; did you mean "codigos"? It has "codigos", "title".',
    );
    await expect(read(['código;title;% pay\n1;a;2\n'])).rejects.toThrow('It has "código;title;% pay"');
  });

  it('refuses a file without a readable header; a file with a header only is empty', async () => {
    await expect(read([''])).rejects.toMatchObject({ reason: 'HeaderUnreadable' });
    await expect(read(['código,"title\n1,a\n'])).rejects.toMatchObject({ reason: 'HeaderUnreadable' });
    const { ledger } = await read(['código,title,% pay\n']);
    expect(ledger).toEqual({ read: 0, expanded: 0, clean: 0, rejected: {}, filtered: 0, deduplicated: 0 });
  });

  it('carries separators of ours and NULs in the data without harm', async () => {
    const { rows } = await read(['código,title,% pay\n1,a\x1fb\x1ec\x00d,1\n']);
    expect(rows).toMatchObject([{ title: 'abcd' }]);
  });

  it('reads a file of many pieces', async () => {
    const lines = Array.from({ length: 60_000 }, (_, at) => `${at},"made-up title, number ${at}",${at}.25`);
    lines[30_000] = '30000,"never closed,1';
    const { ledger, quarantine } = await read([`código,title,% pay\n${lines.join('\n')}`]);
    expect(ledger).toMatchObject({ read: 60_000, clean: 59_999, rejected: { csv: 1 } });
    expect(quarantine).toMatchObject([{ row: 30_002, record: '30000,"never closed,1' }]);
  });
});

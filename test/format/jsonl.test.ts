import { describe, expect, it } from 'vitest';
import { type Cleaned, cleaned } from '../workers/clean/harness.ts';

const read = (...bodies: (string | Buffer)[]): Promise<Cleaned> =>
  cleaned({
    format: { jsonl: {} },
    key: ['id'],
    clean: {
      columns: [
        { name: 'id', type: 'string', from: '$.id' },
        { name: 'text', type: 'string', from: '$.text' },
      ],
    },
    bodies,
  });

describe('jsonl', () => {
  it('reads one record a line, counts blank lines, and keeps broken ones apart', async () => {
    const { rows, quarantine, ledger } = await read(
      '\ufeff{"id":"a"}\r\n\n  \n{"id":"b"\nplain text\n{"id":"c"}',
      '{"id":"d"}\n',
    );
    expect(rows.map(({ id, _source_row }) => [id, _source_row])).toEqual([
      ['a', '1'],
      ['c', '6'],
      ['d', '1'],
    ]);
    expect(quarantine).toEqual([
      { key: null, record: '{"id":"b"', row: 4, reasons: [':json:{"id":"b"'] },
      { key: null, record: 'plain text', row: 5, reasons: [':json:plain text'] },
    ]);
    expect(ledger).toMatchObject({ read: 5, clean: 3, rejected: { json: 2 } });
  });

  it('cuts what it shows of a broken line, not what it keeps', async () => {
    const line = `{${'x'.repeat(300)}`;
    const { quarantine } = await read(line);
    expect(quarantine).toEqual([{ key: null, record: line, row: 1, reasons: [`:json:${line.slice(0, 200)}`] }]);
  });

  it('reads lines of megabytes, and gives up only those beyond 16', async () => {
    const { rows, ledger, quarantine } = await read(
      `{"id":"a","text":"${'y'.repeat(15_000_000)}"}\n{"id":"b","text":"${'y'.repeat(17_000_000)}"}\n{"id":"c"}\n`,
    );
    expect(rows.map(({ id, text }) => [id, String(text ?? '').length])).toEqual([
      ['a', 15_000_000],
      ['c', 0],
    ]);
    expect(ledger).toMatchObject({ read: 3, clean: 2, rejected: { json: 1 } });
    expect(quarantine.map(({ row }) => row)).toEqual([2]);
  });

  it('keeps lines that are not UTF-8 or hold control characters apart', async () => {
    const { rows, ledger, notices } = await read(
      Buffer.concat([
        Buffer.from('{"id":"a"}\n{"id":"'),
        Buffer.from([0xf3]),
        Buffer.from('"}\n{"id":"b\u001f"}\n{"id":"c"}\n'),
      ]),
    );
    expect(rows.map(({ id }) => id)).toEqual(['a', 'c']);
    expect(ledger.rejected).toEqual({ encoding: 1, json: 1 });
    expect(notices).toEqual(['EncodingWrong: 1 line is not UTF-8 and went to quarantine; JSON is written in UTF-8']);
  });

  it('takes what other programs write as JSON, and keeps it as JSON that every program reads', async () => {
    const lines = ['{"id":"a","text":1,}', '{"id":"b","text":NaN}', '{"text":[1,],"n":1}', '{"text":-Infinity}'];
    const { rows, quarantine } = await read(lines.join('\n'));
    expect(rows.map(({ id, text }) => [id, text])).toEqual([
      ['a', '1'],
      ['b', 'NaN'],
    ]);
    expect(quarantine.map(({ record }) => record)).toEqual([{ text: [1], n: 1 }, '{"text":-Infinity}']);
  });

  it('is content with nothing', async () => {
    expect((await read('', '\n\n')).ledger.read).toBe(0);
    expect((await read()).ledger.read).toBe(0);
  });
});

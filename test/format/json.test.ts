import { describe, expect, it } from 'vitest';
import { type Cleaned, cleaned } from '../workers/clean/harness.ts';

const read = (records: string, bodies: readonly (string | Buffer)[], from = '$.id'): Promise<Cleaned> =>
  cleaned({
    format: { json: { records } },
    key: ['id'],
    clean: {
      columns: [
        { name: 'id', type: 'string', from },
        { name: 'text', type: 'string', from: '$.text' },
      ],
    },
    bodies,
  });

const ids = ({ rows }: Cleaned) => rows.map(({ id }) => id);

describe('json', () => {
  it('finds records by a path, in several bodies, and says where each was', async () => {
    const { rows } = await read('$.data.items[*]', [
      '{"data":{"items":[{"id":2},{"id":1}]}}',
      '{"data":{"items":[{"id":3}]}}',
    ]);
    expect(rows.map(({ id, _source_row, _source_uri }) => [id, _source_row, _source_uri])).toEqual([
      ['1', '2', 'https://source.test/0'],
      ['2', '1', 'https://source.test/0'],
      ['3', '1', 'https://source.test/1'],
    ]);
  });

  it('takes a whole document as one record, bare values, nested lists and the values of an object', async () => {
    expect(ids(await read('$', ['{"id":"a"}', '{"id":"b"}']))).toEqual(['a', 'b']);
    expect(ids(await read('$[*]', ['[11,12]'], '$'))).toEqual(['11', '12']);
    expect(
      ids(await read('$.pages[*].items[*]', ['{"pages":[{"items":[{"id":1}]},{},{"items":[{"id":2}]}]}'])),
    ).toEqual(['1', '2']);
    expect(ids(await read("$['by id'].*", ['{"by id":{"x":{"id":1},"y":{"id":2}}}']))).toEqual(['1', '2']);
  });

  it('knows an empty answer from an answer of another shape', async () => {
    expect((await read('$.items[*]', ['{"items":[]}', '{"items":null}'])).ledger.read).toBe(0);
    const error = await read('$.items[*]', ['{"items":[]}', '{"error":"made up"}']).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ reason: 'RecordsMissing' });
    expect(String(error)).toMatch(/body of https:\/\/source\.test\/1 \(sha256 [0-9a-f]{64}\) has nothing where/);
    await expect(read('$.items[*]', ['{"items":{"id":1}}'])).rejects.toThrow(
      'has object where format.json.records, $.items[*], looks',
    );
    await expect(read('$.item', ['{"items":1}'])).rejects.toThrow('has nothing where');
  });

  it.each(['{"id":', '<html>made up</html>', '', '{"id":1} {"id":2}', '{"id":1}\ngarbage'])(
    'names the body that is not one JSON document: %j',
    async (body) => {
      const error = await read('$', ['{"id":1}', body]).catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ reason: 'MalformedJson' });
      expect(String(error)).toMatch(/the body of https:\/\/source\.test\/1 \(sha256 [0-9a-f]{64}\)/);
      expect(String(error)).not.toContain('made up');
    },
  );

  it('reads texts with faults that only strict readers mind', async () => {
    const { rows } = await read('$[*]', [
      Buffer.concat([
        Buffer.from(
          '[{"id":1,"text":"lone \\ud800 half, whole \\ud83d\\ude00, \\\\ud800"},{"id":2,"text":"bell \u0007 bare',
        ),
        Buffer.from([0xf3]),
        Buffer.from('"}]'),
      ]),
      '\ufeff[{"id":3,"text":"marked"}]',
    ]);
    expect(rows.map(({ text }) => text)).toEqual([
      'lone \ufffd half, whole 😀, \\ud800',
      'bell   bare\ufffd',
      'marked',
    ]);
  });

  it('refuses a path for one value that finds several, and paths it cannot follow', async () => {
    await expect(read('$', ['{"id":1}'], '$.a[*].id')).rejects.toThrow('finds several values where one is wanted');
    await expect(read('$..items', ['{"id":1}'])).rejects.toMatchObject({ reason: 'PathInvalid' });
  });

  it('is content without bodies', async () => {
    expect((await read('$', [])).ledger.read).toBe(0);
  });
});

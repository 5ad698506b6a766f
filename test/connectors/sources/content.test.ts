import { describe, expect, test } from 'vitest';
import { maskOf } from '../../../src/connectors/http/mask.ts';
import { looksCutShort, noContent, readContent, sameRecords } from '../../../src/connectors/sources/content.ts';

const answer = (body: string, headers: Record<string, string> = {}) => ({
  body: Buffer.from(body),
  header: (name: string) => headers[name],
});
const reading = (records: string, total?: { path?: string; header?: string }) => ({
  format: { json: { records } },
  mask: maskOf([]),
  asked: 'GET x',
  ...(total ? { total } : {}),
});

describe('a JSON body', () => {
  test.each([
    ['$.items[*]', '{"items":[1,2,3]}', 3],
    ['$.items[*]', '{"items":[]}', 0],
    ['$', '{"a":1}', 1],
    ['$[*]', '[5,6]', 2],
    ['$[*]', '\ufeff[5,6]', 2],
    ["$['población'].señas[*]", '{"población":{"señas":["é","漢字","👍"]}}', 3],
    ["$.items[?@.type=='año']", '{"items":[{"type":"año"},{"type":"ano"}]}', 1],
  ])('%s finds the records of %s', (path, body, records) => {
    expect(readContent(answer(body), reading(path))).toMatchObject({ records, recordsMissing: false });
  });

  test('nothing at the place of the records is not the same as no records', () => {
    expect(readContent(answer('{"error":1}'), reading('$.items[*]'))).toMatchObject({
      records: 0,
      recordsMissing: true,
    });
  });

  test.each([
    ['{"número":742}', { path: '$.número' }, 742],
    ['{"total":"742"}', { path: '$.total' }, 742],
    ['{"total":null}', { path: '$.total' }, undefined],
    ['{"total":-1}', { path: '$.total' }, undefined],
    ['{"total":""}', { path: '$.total' }, undefined],
    ['{"total":"many"}', { path: '$.total' }, undefined],
    ['{}', { header: 'x-total' }, 15],
    ['{}', { header: 'x-other' }, undefined],
  ])('the total of %s at %j', (body, total, expected) => {
    expect(readContent(answer(body, { 'x-total': '15' }), reading('$.items[*]', total)).total).toBe(expected);
  });

  test('a value in it keeps its letters', () => {
    const content = readContent(answer('{"cursor":"señal-漢"}'), reading('$'));
    expect(content.value({ path: '$.cursor' })).toBe('señal-漢');
  });

  test('pages are the same when their records are, whatever is around them; empty pages never', () => {
    const page = (body: string) => readContent(answer(body), reading('$.items[*]'));
    expect(
      sameRecords(page('{"page":1,"items":[{"a":1},{"b":[2]}]}'), page('{"page":2,"items":[{"a":1},{"b":[2]}]}')),
    ).toBe(true);
    expect(sameRecords(page('{"items":[{"a":1}]}'), page('{"items":[{"a":2}]}'))).toBe(false);
    expect(sameRecords(page('{"items":[{"a":1}]}'), page('{"items":[{"a":1},{"a":1}]}'))).toBe(false);
    expect(sameRecords(page('{"items":[]}'), page('{"items":[]}'))).toBe(false);
    expect(sameRecords(noContent, noContent)).toBe(false);
  });
});

test.each([
  ['{"a":1', true],
  [' [1,2', true],
  ['{"a":1}', false],
  ['[1,2]\n', false],
  ['<html>', false],
  ['', false],
])('%j looks cut short: %j', (body, expected) => {
  expect(looksCutShort(answer(body))).toBe(expected);
});

import { afterEach, expect, test, vi } from 'vitest';
import { coloured, type Output, print, progress, table } from '../../src/cli/output.ts';

function buffer(differing: Partial<Output> = {}) {
  const written: string[] = [];
  return { out: { write: (text: string) => written.push(text), ...differing }, text: () => written.join('') };
}

test('a table has columns of equal width, numbers to the right, and one line for each row', () => {
  const rows = [
    ['postings', 'required:position_uri', 2],
    ['agencies', 'pattern:code\u001b[2J\nname', 130],
  ];
  expect(table(['dataset', 'reason', 'rows'], rows)).toBe(
    [
      'dataset   reason                 rows',
      'postings  required:position_uri     2',
      'agencies  pattern:code [2J name   130',
    ].join('\n'),
  );
  expect(table(['dataset', 'rows'], [])).toBe('dataset  rows');
});

test('a result is JSON for programs and text for people', () => {
  const json = buffer();
  print({ rows: 2 }, 'json', () => 'two rows', json.out);
  expect(JSON.parse(json.text())).toEqual({ rows: 2 });
  const text = buffer();
  print({ rows: 2 }, 'text', ({ rows }) => `${rows} rows`, text.out);
  expect(text.text()).toBe('2 rows\n');
});

afterEach(() => {
  vi.unstubAllEnvs();
});

test('colours are for terminals only, and only when they are wanted', () => {
  vi.stubEnv('NO_COLOR', '');
  expect(coloured('failed', 'red', { write: () => undefined, isTTY: true })).toBe('\u001b[31mfailed\u001b[0m');
  expect(coloured('failed', 'red', { write: () => undefined })).toBe('failed');
  vi.stubEnv('NO_COLOR', '1');
  expect(coloured('failed', 'red', { write: () => undefined, isTTY: true })).toBe('failed');
});

test('in a pipe progress is plain lines, each said once', () => {
  const { out, text } = buffer();
  const shown = progress(out);
  for (const each of ['extract: page 1', 'extract: page 1', 'extract: page 2']) shown.update(each);
  shown.line('done');
  shown.end();
  expect(text()).toBe('extract: page 1\nextract: page 2\ndone\n');
});

test('on a terminal progress is one line that is rewritten, cut to the width and cleared at the end', () => {
  const { out, text } = buffer({ isTTY: true, columns: 10 });
  const shown = progress(out);
  shown.update('extract: page 1');
  shown.line('a result');
  shown.end();
  const clear = '\r\u001b[K';
  expect(text()).toBe(`${clear}extract: ${clear}a result\nextract: ${clear}`);
});

import { expect, test } from 'vitest';
import { documents, problemsOf } from './support.ts';

const told = (window: string, load: string): string[] =>
  documents(`\
apiVersion: jobpulse.dev/v1alpha1
kind: Pipeline
metadata: {name: ferry}
spec:
  datasets:
    - name: crossings
      key: [id]
      extract:
        window: {start: "2026-01-01T00:00:00Z", ${window}}
        rest: {baseUrl: "https://api.ferry.example", path: /crossings, query: {since: "{{ slice.start }}"}}
      format: {json: {records: "$[*]"}}
      clean: {columns: [{name: id, type: string, from: $.id}]}
      load: {${load}}
`).flatMap((document) => problemsOf(document).map(({ message }) => message.replace(/^spec\.datasets\[0\]\./, '')));

test('slices are a part of a day or whole days', () => {
  for (const every of ['1m', '15m', '7h', '24h', '1d', '48h', '7d'])
    expect(told(`every: ${every}`, 'mode: Merge')).toEqual([]);
  for (const every of ['30s', '36h']) {
    expect(told(`every: ${every}`, 'mode: Merge')).toEqual([
      `extract.window.every: found ${every}: slices begin at local midnight, so they are part of a day or whole days, at least 1m; allowed: 1m to 24h, or whole days`,
    ]);
  }
});

test('spans that overlap need a key', () => {
  expect(told('every: 1h, maxSpan: 7d', 'mode: Append')).toEqual([
    'extract.window.maxSpan: found maxSpan with load.mode: Append: rows of spans that overlap would be there twice',
  ]);
  expect(told('every: 1h', 'mode: Append')).toEqual([]);
});

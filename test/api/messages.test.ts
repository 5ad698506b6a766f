import { describe, expect, test } from 'vitest';
import { parsePipeline, parseRun, problemText } from '../../src/api/index.ts';
import { fixture } from './support.ts';

/** What is told about the smallest manifest after one change to its text. */
function told(from: string | RegExp, to: string): string[] {
  const source = fixture('small.yaml');
  const changed = source.replace(from, to);
  expect(changed).not.toBe(source);
  const checked = parsePipeline(changed, 'ferry.yaml');
  return checked.ok ? [] : checked.problems.map(problemText);
}

describe('a message names the place, what was found, what is allowed, the nearest right word and the remedy', () => {
  test('a field that there is not', () => {
    expect(told('clean:\n        columns:', 'clean:\n        colums:')).toEqual([
      'ferry.yaml:14:7: spec.datasets[0].clean.columns: required, but missing. Add it: The columns of the table, in order: the contract of the dataset.',
      'ferry.yaml:15:9: spec.datasets[0].clean.colums: unknown field; did you mean columns? Write columns instead of colums.',
    ]);
  });

  test('a field that resembles none', () => {
    expect(told('jsonl: {}', 'jsonl: {lines: 3}')).toEqual([
      'ferry.yaml:13:17: spec.datasets[0].format.jsonl.lines: unknown field; allowed: no fields at all. Leave lines out.',
    ]);
  });

  test('a word out of a few', () => {
    expect(told('name: pay,', 'name: pay, onError: reject,')).toEqual([
      'ferry.yaml:17:25: spec.datasets[0].clean.columns[1].onError: found "reject"; allowed: Reject, SetNull, Fail; did you mean Reject? Write Reject.',
    ]);
  });

  test('a type under another name', () => {
    const types =
      'string, integer, bigint, double, decimal(p,s), boolean, date, timestamp, json, list<string>, list<integer>, list<double>';
    expect(told('type: timestamp', 'type: datetime')).toEqual([
      `ferry.yaml:18:29: spec.datasets[0].clean.columns[2].type: found "datetime"; allowed: ${types}; did you mean timestamp? Write timestamp.`,
    ]);
    expect(told('type: timestamp', 'type: timestmp')[0]).toContain('did you mean timestamp?');
    expect(told('type: timestamp', 'type: constructor')[0]).not.toContain('did you mean');
    expect(told('type: timestamp', 'type: geometry')[0]).not.toContain('did you mean');
  });

  test('a number that should be text', () => {
    expect(told('min: "0"', 'min: 0')).toEqual([
      'ferry.yaml:17:61: spec.datasets[0].clean.columns[1].min: found 0; allowed: text. Write it in quotes: "0".',
    ]);
  });

  test('a form', () => {
    expect(told('extract:\n', 'extract:\n        timeout: 10 minutes\n')).toEqual([
      'ferry.yaml:11:9: spec.datasets[0].extract.timeout: found "10 minutes"; allowed: a duration in one unit, such as 250ms, 15s, 10m, 24h or 400d. Write a duration in one unit, such as 250ms, 15s, 10m, 24h or 400d.',
    ]);
  });

  test('two of what there may be one of', () => {
    expect(told('jsonl: {}', 'jsonl: {}\n        csv: {}')).toEqual([
      'ferry.yaml:12:7: spec.datasets[0].format: exactly one of json, jsonl, csv, excel, parquet, html is needed; found: jsonl, csv. Keep one of them.',
    ]);
  });

  test('the same name twice', () => {
    expect(told('name: pay,', 'name: left_at,')).toEqual([
      'ferry.yaml:18:14: spec.datasets[0].clean.columns[2].name: found left_at, which is given twice. Give each its own name.',
    ]);
  });

  test('too much of something', () => {
    expect(told('name: ferry', `name: ${'ferry'.repeat(10)}`)[0]).toContain('metadata.name');
    expect(told('name: ferry', `name: ${'ferry'.repeat(10)}`)[0]).toContain('allowed: at most 40 characters');
  });

  test('the wrong kind of thing, without all that follows from it', () => {
    expect(told('kind: Pipeline', 'kind: PipelineRun')).toEqual([
      'ferry.yaml:3:1: kind: found "PipelineRun"; allowed: Pipeline. Write Pipeline.',
    ]);
    const run = parseRun(fixture('small.yaml'), 'ferry.yaml');
    expect(run.ok ? [] : run.problems.map(problemText)).toEqual([
      'ferry.yaml:3:1: kind: found "Pipeline"; allowed: PipelineRun. Write PipelineRun.',
    ]);
  });

  test('problems come in the order of the file', () => {
    const lines = told(/name: ferry[\s\S]*key: \[crossing_id\]/, 'nam: ferry\nspec:\n  datsets:\n    - key: [x]').map(
      (line) => Number(line.split(':')[1]),
    );
    expect(lines.length).toBeGreaterThan(1);
    expect(lines).toEqual([...lines].sort((a, b) => a - b));
  });
});

describe('what must stay secret is not told', () => {
  const header = (value: string) => `rest:
          baseUrl: https://api.ferry.example
          headers: [{name: Accept, value: ${value}}]`;

  test('a header', () => {
    const lines = told('files: {paths: [crossings/*.jsonl]}', header(`"${'hush'.repeat(500)}"`));
    expect(lines[0]).toContain('headers[0].value: found a value that is not shown');
    expect(lines.join()).not.toContain('hush');
  });

  test('a query', () => {
    const lines = told(
      'files: {paths: [crossings/*.jsonl]}',
      'rest: {baseUrl: "https://api.ferry.example", query: {pin: 90210}}',
    );
    expect(lines[0]).toContain('query.pin: found a value that is not shown; allowed: text. Write it in quotes.');
    expect(lines.join()).not.toContain('90210');
  });

  test('a password in an address', () => {
    for (const address of ['https://me:hush@api.ferry.example', 'htps://me:hush@api.ferry.example']) {
      const lines = told('files: {paths: [crossings/*.jsonl]}', `rest: {baseUrl: "${address}"}`);
      expect(lines[0]).toContain('spec.datasets[0].extract.rest.baseUrl');
      expect(lines.join()).not.toContain('hush');
    }
  });
});

import { describe, expect, test } from 'vitest';
import { checkRequest, parsePipeline } from '../../src/api/index.ts';
import { meaning } from '../../src/api/policies/index.ts';
import { fixture } from './support.ts';

/** What policies say about a made-up manifest after one change to its text. */
function told(file: string, from: string | RegExp, to: string): string[] {
  const source = fixture(file).split('\n---\n')[0] ?? '';
  // As a function: `$'` means something in a replacement text, and paths are full of `$`.
  const changed = typeof from === 'string' ? source.replace(from, () => to) : source.replace(from, to);
  expect(changed).not.toBe(source);
  const checked = parsePipeline(changed, file, meaning);
  return checked.ok ? [] : checked.problems.map(({ message }) => message);
}

const ferry = (from: string | RegExp, to: string) => told('small.yaml', from, to);
const harbour = (from: string | RegExp, to: string) => told('sources.yaml', from, to);
const quay = (from: string | RegExp, to: string) => told('models.yaml', from, to);
const columns = 'crossing_id, pay, left_at';
const rest = (text: string) => `rest: {baseUrl: "https://api.ferry.example", ${text}}`;
const files = 'files: {paths: [crossings/*.jsonl]}';

describe('names', () => {
  test('datasets, aliases and models share one name space', () => {
    expect(quay('- name: by_berth', '- name: arrivals')).toEqual([
      'spec.transform.models[0].name: found "arrivals", which is taken: datasets, their aliases and models share one name space',
    ]);
    expect(harbour('aliases: [vacancies]', 'aliases: [shifts]')).toEqual([
      'spec.datasets[1].name: found "shifts", which is taken: datasets, their aliases and models share one name space',
    ]);
  });

  test('reserved names', () => {
    const [form] = ferry('name: crossings', 'name: _crossings');
    expect(form).toContain('a name of small letters, digits and _ that starts with a letter');
    expect(ferry('name: crossings', 'name: jobpulse_crossings')[0]).toContain('start with jobpulse_ are reserved');
    expect(ferry('name: pay', 'name: transfer_date')[0]).toContain('transfer_date and names');
  });

  test('headers do not mind case', () => {
    const headers = 'headers: [{name: Accept, value: a}, {name: ACCEPT, value: b}]';
    expect(ferry(files, rest(headers))[0]).toContain('found "accept", which is taken');
  });
});

describe('columns', () => {
  test('that are named are declared', () => {
    expect(ferry('key: [crossing_id]', 'key: [crosing_id]')).toEqual([
      `spec.datasets[0].key[0]: found "crosing_id", which is no loaded column of crossings; allowed: ${columns}; did you mean crossing_id?`,
    ]);
    const what = `which is no loaded column of crossings; allowed: ${columns}`;
    const load = (text: string) => ferry(/$/, `      load: {${text}}\n`);
    expect(ferry('key: [', 'version: updated_at\n      key: [')).toEqual([
      `spec.datasets[0].version: found "updated_at", ${what}`,
    ]);
    expect(load('ignoreChanges: [colour]')).toEqual([
      `spec.datasets[0].load.ignoreChanges[0]: found "colour", ${what}`,
    ]);
    expect(load('partitionBy: [{column: colour}]')[0]).toContain(`${columns}, transfer_date`);
    expect(load('partitionBy: [{column: transfer_date, unit: Day}]')).toEqual([]);
    expect(ferry('clean:\n', 'clean:\n        partitionBy: [{column: colour}]\n')[0]).toContain('"colour"');
  });

  test('that are not loaded are no key', () => {
    expect(harbour('key: [opening_id]', 'key: [person]')[0]).toContain('found "person", which is no loaded column');
  });

  test('that identify are not ignored', () => {
    expect(ferry(/$/, '      load: {ignoreChanges: [crossing_id]}\n')).toEqual([
      'spec.datasets[0].load.ignoreChanges[0]: found crossing_id, which is the key or version',
    ]);
  });

  test('of a key have a value that can be compared', () => {
    expect(ferry('name: crossing_id, type: string', 'name: crossing_id, type: json')[0]).toContain(
      'found crossing_id of type json; allowed: types but json and lists',
    );
  });

  test('a unit is for times', () => {
    expect(ferry('clean:\n', 'clean:\n        partitionBy: [{column: pay, unit: Month}]\n')).toEqual([
      'spec.datasets[0].clean.partitionBy[0].unit: found a unit for pay of type decimal(12,2); allowed: for date and timestamp',
    ]);
  });

  test.each([
    ['min: "1"', 'string', 'integer, bigint, double, decimal(p,s)'],
    ['pattern: x', 'integer', 'string'],
    ['case: Upper', 'date', 'string'],
    ['accepted: [a]', 'json', 'all but json and lists'],
    ['split: ","', 'string', 'list<string>, list<integer>, list<double>'],
    ['parse: {dates: [serial]}', 'string', 'date, timestamp'],
    ['parse: {number: {}}', 'date', 'integer, bigint, double, decimal(p,s)'],
  ])('%s does not go with %s', (part, type, types) => {
    expect(ferry('name: left_at, type: timestamp', `name: left_at, ${part}, type: ${type}`)).toEqual([
      expect.stringContaining(`found on a column of type ${type}; allowed: types ${types}`),
    ]);
  });

  test('a decimal has no more digits after the point than in all', () => {
    expect(ferry('decimal(12,2)', 'decimal(2,12)')[0]).toContain('more digits after the point than in all');
  });

  test('null is no way out for a required column', () => {
    expect(ferry('required: true', 'required: true, onError: SetNull')[0]).toContain('which must not be null');
  });

  test('derived columns read earlier ones', () => {
    expect(harbour('of: crew', 'of: berth')[0]).toContain('which is no earlier numeric column of openings');
    expect(harbour('pseudonym: [person]', 'pseudonym: [needs]')[0]).toContain('which is no earlier column of openings');
  });

  test('pseudonyms have a key', () => {
    const privacy = /^ {2}privacy: .*$/m.exec(fixture('sources.yaml'))?.[0] ?? '';
    expect(privacy).not.toBe('');
    expect(harbour(`${privacy}\n`, '')[0]).toContain('found on person_key, but there is no key for pseudonyms');
  });
});

describe('datasets', () => {
  test('of forEach and counters are there', () => {
    expect(harbour('forEach: {dataset: shifts,', 'forEach: {dataset: shift,').join()).toContain('did you mean shifts?');
    expect(quay('dataset: arrivals', 'dataset: arivals')[0]).toContain('which is no dataset; allowed: arrivals');
    expect(quay('time: arrived_at', 'time: arrived')[0]).toContain('did you mean arrived_at?');
  });

  test('do not ask for the rows of one another', () => {
    const circle = harbour('path: /shifts\n', 'path: /shifts\n          forEach: {dataset: shift_details}\n');
    expect(circle).toContain(
      'spec.datasets[1].extract.rest.forEach.dataset: found a circle: shifts → shift_details → shifts',
    );
  });

  test('of relations are there, with their columns', () => {
    expect(quay('to: arrivals.berth', 'to: arivals.berth')[0]).toContain('did you mean arrivals?');
    expect(quay('to: arrivals.berth', 'to: arrivals.birth')[0]).toContain('did you mean berth?');
    expect(quay('to: arrivals.berth', 'to: by_berth.anything')).toEqual([]);
  });
});

describe('templates', () => {
  test('name what there is', () => {
    expect(harbour('{{ params.crew }}', '{{ params.crews }}')[0]).toContain(
      'found {{ params.crews }}, which is not known here; allowed: params.port, params.crew, params.share, params.open, params.since, slice.asOf; did you mean params.crew?',
    );
    expect(harbour('{{ item.shift_id }}', '{{ item.id }}')[0]).toContain('item.shift_id');
    expect(harbour('{{ params.crew }}', '{{ slice.start }}')[0]).toContain('which is not known here');
  });

  test('are well formed', () => {
    expect(harbour('{{ params.crew }}', '{{ params.crew')[0]).toContain('has no closing }}');
    expect(harbour('{{ params.crew }}', '{{ params.crew | upper }}')[0]).toContain('the filter "upper" is not one of');
    expect(harbour('{{ params.crew }}', '{{ process.exit() }}')[0]).toContain('is not {{ path }}');
  });

  test('stand nowhere else', () => {
    const misplaced = expect.stringContaining('found a template, which is not allowed here');
    expect(harbour('where: "', 'where: "{{ params.port }} ')).toEqual([misplaced]);
    expect(harbour('value: application/json', 'value: "{{ params.port }}"')).toEqual([misplaced]);
    expect(harbour('{since:', '{"{{ params.port }}": x, since:')).toEqual([misplaced]);
    expect(quay('SELECT berth, count', "SELECT '{{ params.x }}', count")).toEqual([misplaced]);
    expect(quay('insight: SELECT', "insight: SELECT '{{ params.x }}' ||")).toEqual([misplaced]);
    expect(ferry(files, 'rest: {baseUrl: "https://{{ params.host }}"}')[0]).toContain('scheme and host');
    expect(harbour('description: Openings on', 'description: "{{ anything }}"\n  # ')).toEqual([]);
  });
});

describe('texts', () => {
  test('JSONPaths', () => {
    expect(ferry('from: $.pay', 'from: pay')[0]).toContain('did you mean $.pay?');
    expect(ferry('from: $.pay', 'from: "$.pay[?@.x]"')[0]).toContain('cannot be followed');
    expect(ferry('from: $.pay', 'from: $.monthly-pay')[0]).toContain('has a name that RFC 9535 wants in quotes');
    expect(ferry('from: $.pay', `from: "$['monthly-pay'][0].x"`)).toEqual([]);
    expect(harbour('path: $.meta.total', 'path: meta.total')[0]).toContain('paging.total.path');
    expect(harbour('records: "$.openings[*]"', 'records: "$..x"')[0]).toContain('format.json.records');
  });

  test('other formats name columns as they like', () => {
    expect(harbour('from: Aviso', 'from: "Nº (%) aviso"')).toEqual([]);
    expect(harbour('aliases: [$.url]', 'aliases: ["$.url["]')[0]).toContain('aliases[0]');
  });

  test.each([
    ['(?=x)', 'look-ahead'],
    ['(?<!x)', 'look-behind'],
    ['(a)\\1', 'back references'],
    ['(', 'Unterminated group'],
    ['a{2,1}', 'out of order'],
  ])('the expression %s', (pattern, why) => {
    const column = `type: string, pattern: '${pattern}', from: $.id`;
    expect(ferry('type: string, from: $.id', column)[0]).toContain(why);
  });

  test.each(['(?i)night', '(?P<n>[0-9]+)', '[(?=]', '\\\\1', '^\\d{4}$', '\\bvp\\b'])('%s is one', (pattern) => {
    expect(ferry('type: string, from: $.id', `type: string, pattern: '${pattern}', from: $.id`)).toEqual([]);
  });
});

describe('times', () => {
  const schedule = (text: string) => ferry('spec:\n', `spec:\n  schedule: "${text}"\n`);

  test.each(['0 6 * * *', '*/30 7-19 * * 1-6', '@hourly', '5 4 1,15 jan-mar MON'])('the schedule %s', (text) => {
    expect(schedule(text)).toEqual([]);
  });

  test.each([
    ['0 6 * *', '4 fields instead of five'],
    ['0 0 6 * * *', '6 fields instead of five'],
    ['61 * * * *', '61'],
    ['0 0 31 2 *', 'Invalid'],
    ['H * * * *', '"H" is not a field'],
    ['0 0 L * *', '"L" is not a field'],
    ['@reboot', 'no such macro'],
  ])('no schedule: %s', (text, why) => {
    expect(schedule(text)).toEqual([expect.stringContaining(why)]);
  });

  test('time zones', () => {
    const zone = (text: string) => ferry('spec:\n', `spec:\n  timeZone: "${text}"\n`);
    for (const name of ['UTC', 'America/Bogota', 'Asia/Kolkata']) expect(zone(name)).toEqual([]);
    expect(zone('Chicago')[0]).toContain('did you mean America/Chicago?');
    expect(zone('America/Chcago')[0]).toContain('did you mean America/Chicago?');
    expect(zone('+05:00')[0]).toContain('which is no time zone');
  });
});

describe('parameters', () => {
  const param = (type: string, value: string) =>
    ferry('spec:\n', `spec:\n  params: [{name: p, type: ${type}, default: "${value}"}]\n`);

  test.each([
    ['Integer', '12', '1e5'],
    ['Integer', '-1', '12345678901234567890'],
    ['Number', '0.5', 'half'],
    ['Boolean', 'false', 'False'],
    ['Date', '2028-02-29', '2027-02-29'],
  ])('%s: %s but not %s', (type, right, wrong) => {
    expect(param(type, right)).toEqual([]);
    expect(param(type, wrong)[0]).toContain(`but p is of type ${type}`);
  });

  test('a run gives values that the pipeline knows', () => {
    const checked = parsePipeline(fixture('sources.yaml'), 'x.yaml', meaning);
    if (!checked.ok) throw new Error('the fixture is not valid');
    const ask = (datasets: string[], params: { name: string; value: string }[]) =>
      checkRequest(checked.pipeline, { datasets, params }).map(({ message }) => message);
    expect(ask(['vacancies'], [{ name: 'crew', value: '3' }])).toEqual([]);
    expect(ask(['openinks'], [])[0]).toContain('did you mean openings?');
    expect(ask([], [{ name: 'crews', value: '3' }])[0]).toContain('did you mean crew?');
    expect(ask([], [{ name: 'crew', value: 'three' }])[0]).toContain('but crew is of type Integer');
  });

  test('one without a default needs a value', () => {
    const source = fixture('small.yaml').replace('spec:\n', 'spec:\n  params: [{name: p}]\n');
    const checked = parsePipeline(source, 'x.yaml');
    if (!checked.ok) throw new Error('the fixture is not valid');
    const none = checkRequest(checked.pipeline, { datasets: [], params: [] });
    expect(none.map(({ message }) => message)).toEqual(['spec.params: found no value for p, which has no default']);
    expect(checkRequest(checked.pipeline, { datasets: [], params: [{ name: 'p', value: '' }] })).toEqual([]);
  });
});

describe('sources', () => {
  test.each(['Authorization', 'Authorization-Key', 'apikey', 'X-API-Key', 'X-Auth-Token', 'Cookie'])(
    'the value of %s is not written down',
    (name) => {
      const [message] = ferry(files, rest(`headers: [{name: ${name}, value: hush}]`));
      expect(message).toContain(`found the value of ${name} in the manifest`);
      expect(message).not.toContain('hush');
      const secret = `headers: [{name: ${name}, valueFrom: {secretKeyRef: {name: s, key: k}}}]`;
      expect(ferry(files, rest(secret))).toEqual([]);
    },
  );

  test('no login in an address', () => {
    expect(ferry(files, 'rest: {baseUrl: "https://me:hush@api.ferry.example"}')).toEqual([
      'spec.datasets[0].extract.rest.baseUrl: found a user name or password in the address; allowed: scheme, host and path',
    ]);
  });

  test('a closed host needs a permission, and only a crawl can have one', () => {
    for (const host of ['linkedin.com', 'www.LinkedIn.com', 'de.linkedin.com']) {
      expect(ferry(files, `rest: {baseUrl: "https://${host}/jobs"}`)[0]).toContain('linkedin.com forbids robots');
    }
    expect(ferry(files, 'rest: {baseUrl: "https://notlinkedin.com"}')).toEqual([]);
    const crawl = (text: string) => harbour(/jobs\.harbour\.example/g, 'www.linkedin.com').concat(text);
    expect(crawl('')).toEqual(['']);
    const without = harbour(/jobs\.harbour\.example([\s\S]*)permission: .*/, 'www.linkedin.com$1');
    expect(without.join()).toContain('www.linkedin.com: linkedin.com forbids robots');
  });

  test('pages are counted by their records', () => {
    const paged = harbour(
      'path: /linked, paging: {link: {rel: next}}}}\n      format: {jsonl: {}}',
      'path: /linked, paging: {link: {rel: next}}}}\n      format: {csv: {}}',
    );
    expect(paged).toEqual([
      'spec.datasets[4].format: found csv with extract.rest.paging, which counts the records of a page; allowed: json, jsonl',
    ]);
  });

  test('a path into the body needs one JSON document', () => {
    const lines = harbour('format: {json: {records: "$.berths[*]"}}', 'format: {jsonl: {}}');
    expect(lines).toEqual([
      'spec.datasets[6].extract.rest.paging.cursor.next.path: found a path into the body, but format is jsonl, whose body is many documents; allowed: header',
    ]);
  });

  test('items are asked for one by one, each by its own request, and only they can wait for a budget', () => {
    const forEach = 'forEach: {dataset: shifts, skip: None, chunk: 10}';
    expect(harbour(forEach, `${forEach}\n          paging: {link: {rel: next}}`)).toEqual([
      'spec.datasets[2].extract.rest.paging: found paging beside rest.forEach, which makes one request for each item',
    ]);
    expect(harbour('path: /shifts/{{ item.shift_id }}', 'path: /shifts')).toEqual([
      'spec.datasets[2].extract.rest.forEach: found no {{ item.<column> }} in rest.path, query or body: all requests would be the same',
    ]);
    expect(harbour(`          ${forEach}\n`, '')).toContain(
      'spec.datasets[2].extract.credits: found credits without rest.forEach: what a budget does not cover must be able to wait for the next run; allowed: credits with rest.forEach',
    );
  });

  test('a crawl starts where it may go', () => {
    expect(harbour('hosts: [jobs.harbour.example]', 'hosts: [other.example]')).toEqual([
      'spec.datasets[12].extract.crawl.start[0]: found the host jobs.harbour.example; allowed: other.example',
    ]);
  });
});

describe('rules that the API server knows too', () => {
  test.each([
    ['method: POST', 'method: GET', 'body needs method POST'],
    ['action: Split, splitBy: {param: berth, values: ["1", "2"]}', 'action: Split', 'action Split needs splitBy'],
    ['total: {path: $.meta.total}', '', 'resultCap.splitBy needs paging.total'],
    ['cursor: {header: x-after,', 'cursor: {field: after,', 'paging.cursor.field needs method POST'],
    ['cursor: {header: x-after,', 'cursor: {', 'exactly one of param, header, field'],
    [
      'value: application/json',
      'value: x, valueFrom: {secretKeyRef: {name: a, key: b}}',
      'exactly one of value, valueFrom',
    ],
    ['edges: [5, 20]', 'edges: [20, 5]', 'edges must ascend'],
    ['edges: [5, 20]', 'edges: [5]', 'labels must be one more than edges'],
    ['min: "0", max: "99999.99"', 'min: "10", max: "9"', 'min must not be above max'],
    ['rowCount: {min: 1, max: 100000}', 'rowCount: {min: 2, max: 1}', 'min must not be above max'],
    [
      'rowCount: {min: 1, max: 100000}, severity: Fail',
      'rowCount: {min: 1}, severity: Reject',
      'rowCount is about all rows',
    ],
    [
      'load: {mode: Replace}',
      'load: {mode: Replace, onMissing: Mark}',
      'onMissing Mark and Delete need mode Merge or SCD2',
    ],
    [
      'load: {mode: SCD2, onMissing: Mark}',
      'load: {mode: SCD2, onMissing: Delete}',
      'mode SCD2 keeps history, so it deletes nothing',
    ],
    ['load: {mode: Replace}', 'load: {mode: Replace, tombstone: id}', 'tombstone needs mode Merge'],
    ['sizeParam: per_page, ', '', 'size needs sizeParam beside it'],
    [
      'columns: [{name: shift_id, type: string, from: $.id}]\n',
      'columns: [{name: shift_id, type: string, from: $.id}]\n      load: {onMissing: Mark}\n',
      'onMissing is about snapshots',
    ],
    [
      '{name: starts, type: date, sql: "',
      '{name: starts, type: date, parse: {dates: [serial]}, sql: "',
      'parse needs from beside it',
    ],
  ])('%s → %s', (from, to, why) => {
    expect(harbour(from, to).join()).toContain(why);
  });

  test('an incremental model has a key', () => {
    expect(quay('        key: [berth]\n', '')[0]).toContain('materialize Incremental needs key or partitionBy');
  });

  test('a pool has no more at least than at most', () => {
    expect(quay('minReplicas: 1', 'minReplicas: 9')[0]).toContain('minReplicas must not be above maxReplicas');
  });
});

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { renderJson, renderText, templatePaths } from '../../src/run/template.ts';

const values = {
  params: { keyword: 'data engineering & more', minPay: 100_000, remote: true, place: 'Chicago, Illinois' },
  slice: { asOf: '2026-11-20T06:00:00.000Z', start: '2024-12-01T00:00:01Z' },
  item: { job_id: 44932336, note: null, tags: ['a', 'b'], day: '2026-05-01' },
};

describe('templates in text', () => {
  test.each([
    ['no template', 'no template'],
    ['', ''],
    ['{{ params.keyword }}', 'data engineering & more'],
    ['{{params.minPay}}', '100000'],
    ['/collect/{{ item.job_id }}/x', '/collect/44932336/x'],
    ['{{ params.remote }}-{{ params.minPay }}', 'true-100000'],
    ['{{ params.keyword | urlencode }}', 'data%20engineering%20%26%20more'],
    ['{{ item.tags | json }}', '["a","b"]'],
    ['{{ params.keyword | json }}', '"data engineering & more"'],
    ['{{ item.note | json }}', 'null'],
    ["{{ item.note | default('none') }}", 'none'],
    ["{{ params.minPay | default('0') }}", '100000'],
    ['{"a": {"b": {{ params.minPay }}}}', '{"a": {"b": 100000}}'],
    ["{{ slice.start | date('%Y-%m-%d %H:%M:%S') }}", '2024-12-01 00:00:01'],
    ["{{ slice.asOf | date('%Y-%m-%d %H:%M %z', 'America/Chicago') }}", '2026-11-20 00:00 -0600'],
    ["{{ slice.asOf | date( '%a %d %b %y, %I:%M %p' , 'America/Bogota' ) }}", 'Fri 20 Nov 26, 01:00 AM'],
    [
      "{{ slice.asOf | date('%A %B %e %j %F %T %f %s %Z 100%%') }}",
      'Friday November 20 324 2026-11-20 06:00:00 000000 1795154400 UTC 100%',
    ],
    ["{{ item.day | date('%m/%d/%Y') }}", '05/01/2026'],
  ])('%s → %s', (template, expected) => {
    expect(renderText(template, values)).toBe(expected);
  });

  test('a daylight saving change is the zone’s, not ours', () => {
    const text = "{{ slice.asOf | date('%H:%M %z', 'America/New_York') }}";
    expect(renderText(text, { params: {}, slice: { asOf: '2026-03-08T06:59:00Z' } })).toBe('01:59 -0500');
    expect(renderText(text, { params: {}, slice: { asOf: '2026-03-08T07:00:00Z' } })).toBe('03:00 -0400');
  });

  test.each([
    ['{{ params.nope }}', /names params\.nope; known here: item\.day, item\.job_id.*params\.keyword.*slice\.start/],
    ['{{ params.toString }}', /names params\.toString; known here/],
    ['{{ env.HOME }}', /names env\.HOME; known here/],
    ['{{ params.keyword', /no closing/],
    ['{{ }}', /is not \{\{ path \}\}/],
    ['{{ keyword }}', /is not \{\{ path \}\}/],
    ['{{ params.minPay + 1 }}', /is not \{\{ path \}\}/],
    ['{{ params.keyword | upper }}', /filter "upper" is not one of date\(.*urlencode, json, default/],
    ['{{ params.keyword | constructor }}', /filter "constructor" is not one of/],
    ['{{ params.keyword | date }}', /filter "date" is not one of/],
    ['{{ params.keyword | urlencode | json }}', /is not one of/],
    ["{{ slice.asOf | date('%Q') }}", /%Q in date\('%Q'\) is not one of %Y/],
    ["{{ slice.asOf | date('%Y', 'Mars/Base') }}", /"Mars\/Base" not a time zone/],
    ["{{ params.keyword | date('%Y') }}", /is not a moment/],
    ['{{ item.note }}', /is null here; give it a value with \| default/],
    ['{{ item.tags }}', /is a list or an object here; write it with \| json/],
  ])('%s is refused', (template, message) => {
    expect(() => renderText(template, values)).toThrow(message);
    expect(() => renderText(template, values)).toThrow(expect.objectContaining({ reason: 'TemplateInvalid' }));
  });
});

describe('templates in a body', () => {
  test('a text that is only a template keeps its type, at any depth; names and other values stay', () => {
    const body = {
      pay: '{{ params.minPay }}',
      '{{ params.minPay }}': 1,
      list: ['{{ item.tags }}', 'id {{ item.job_id }}', 0, null],
    };
    expect(renderJson(body, values)).toEqual({
      pay: 100_000,
      '{{ params.minPay }}': 1,
      list: [['a', 'b'], 'id 44932336', 0, null],
    });
    expect(renderJson('{{ item.note }}', values)).toBeNull();
  });
});

describe('templatePaths', () => {
  test('names every path in order, whether it is known or not', () => {
    expect(templatePaths("{{ params.a }} x {{ slice.end | date('%Y') }}{{ item.b }}")).toEqual([
      'params.a',
      'slice.end',
      'item.b',
    ]);
    expect(templatePaths('{"a": {"b": 1}}')).toEqual([]);
  });
  test('refuses what cannot be rendered', () => {
    expect(() => templatePaths('{{ params.a | lower }}')).toThrow('is not one of');
  });
});

test('a value never becomes a template: what is in the data is not evaluated', () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), (value, around) => {
      const text = `${around.replaceAll('{', '')}{{ params.x }}`;
      const tricky = `{{ params.y }}${value}`;
      expect(renderText(text, { params: { x: tricky }, slice: {} })).toBe(around.replaceAll('{', '') + tricky);
    }),
  );
});

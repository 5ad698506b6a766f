import { describe, expect, it } from 'vitest';
import { parseJsonPath } from '../../src/format/jsonPath.ts';

describe('parseJsonPath', () => {
  it.each([
    ['$', '$', false],
    ['$.a.b[0]', '$."a"."b"[0]', false],
    ['$.a[*].b', '$."a"[*]."b"', true],
    ['$[*]', '$[*]', true],
    ['$.a.*', '$."a".*', true],
    ['$[\'a b\']["c.d"]', '$."a b"."c.d"', false],
    ['$.año.json-ld.@type', '$."año"."json-ld"."@type"', false],
    ['$.a[-1]', '$."a"[-1]', false],
  ])('%s', (source, path, many) => {
    expect(parseJsonPath(source)).toEqual({ path, many });
  });

  it.each(['', 'a.b', '$..a', '$.a[?(@.b)]', '$.a[0:2]', '$.a.', '$.a b', '$a', "$['*']", "$['a\"b']", '$.a[1'])(
    'refuses %s',
    (source) => {
      expect(() => parseJsonPath(source)).toThrow(/cannot be followed from character \d+ on/);
    },
  );
});

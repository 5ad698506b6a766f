import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { pageNumbers } from '../../../src/connectors/sources/paging/page.ts';
import {
  advance,
  checkBounds,
  goesOn,
  startOf,
  type WalkRules,
  whatFollows,
} from '../../../src/connectors/sources/walk.ts';

const rulesOf = (over: Partial<WalkRules>): WalkRules => ({
  paging: pageNumbers({ param: 'page', first: 1, sizeParam: 'size', size: 10 }),
  maxPages: 1_000_000,
  part: 0,
  pagesPerPart: 3,
  start: { next: '1', tally: { seen: 0, ofQuery: 0 } },
  ...over,
});

/** Walks parts over a source that gives `given` records a page, until a part says it is the last. */
function walkAll(records: number, given: number, tellsTotal: boolean, pagesPerPart: number): number {
  let fetched = 0;
  let perPart = 0;
  for (let part = 0; ; part += 1) {
    const seen = part * perPart;
    const start = { next: String(1 + part * pagesPerPart), tally: { seen, ofQuery: seen } };
    const rules = rulesOf({ part, pagesPerPart, start });
    let state = startOf(rules);
    while (goesOn(rules, state)) {
      checkBounds(rules, state);
      const at = (Number(state.next) - 1) * given;
      const page = {
        records: Math.max(0, Math.min(given, records - at)),
        value: () => undefined,
        ...(tellsTotal ? { total: records } : {}),
      };
      state = advance(state, { ...page, ...whatFollows(rules, state, page) });
    }
    fetched += state.fetched;
    if (part === 0) perPart = state.fetched;
    if (state.next === undefined) return fetched;
  }
}

describe('the walk over pages', () => {
  test('brings every record of a source that tells its total, however it cuts its pages', () => {
    fc.assert(
      fc.property(
        fc.nat(300),
        fc.integer({ min: 1, max: 10 }),
        fc.integer({ min: 1, max: 5 }),
        (records, given, pagesPerPart) => {
          expect(walkAll(records, given, true, pagesPerPart)).toBe(records);
        },
      ),
    );
  });

  test('brings every record of a source that gives the pages it is asked for', () => {
    fc.assert(
      fc.property(fc.nat(300), fc.integer({ min: 1, max: 5 }), (records, pagesPerPart) => {
        expect(walkAll(records, 10, false, pagesPerPart)).toBe(records);
      }),
    );
  });

  test('an empty page is the end, whatever the total says', () => {
    const rules = rulesOf({});
    expect(whatFollows(rules, startOf(rules), { records: 0, total: 500, value: () => undefined })).toEqual({});
  });
});

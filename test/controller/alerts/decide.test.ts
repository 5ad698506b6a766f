import { describe, expect, test } from 'vitest';
import { type AlertGroup, afterSending, decideAlerts, type Watched } from '../../../src/controller/alerts/decide.ts';
import { tellingRun } from '../../../src/controller/alerts/judge.ts';
import { ended, pipelineThat, reported, watched } from './support.ts';

const start = Date.parse('2026-01-01T00:00:00Z');
const minute = 60_000;

/** A receiver over time: what it is told at a minute, when it takes it or has a problem. */
function receiver() {
  let state: readonly AlertGroup[] = [];
  return {
    at(minutes: number, seen: Watched, problem?: string) {
      const now = new Date(start + minutes * minute);
      const decided = decideAlerts(state, [seen], now);
      state = decided.state
        .map((group) => (decided.send.includes(group) ? afterSending(group, problem, now) : group))
        .filter(({ alerts }) => alerts.length > 0);
      return decided.send.flatMap(({ kind, alerts }) =>
        alerts.map(({ dataset, endsAt }) => `${kind} ${dataset ?? ''} ${endsAt === undefined ? 'firing' : 'resolved'}`),
      );
    },
    state: () => state,
  };
}

const failed = watched({ pipeline: pipelineThat(), run: ended('usajobs-1', 'Failed') }, 'RunFailed', 'RunFailed');
const fine = watched({ pipeline: pipelineThat(), run: ended('usajobs-2', 'Succeeded') }, 'RunFailed');

describe('what is wrong', () => {
  test('is told once, again every four hours while it goes on, and once when it is over', () => {
    const { at, state } = receiver();
    expect(at(0, failed)).toEqual(['RunFailed  firing']);
    expect(at(1, failed)).toEqual([]);
    expect(at(239, failed)).toEqual([]);
    expect(at(240, failed)).toEqual(['RunFailed  firing']);
    expect(at(300, failed)).toEqual([]);
    expect(at(301, fine)).toEqual(['RunFailed  resolved']);
    expect(state()).toEqual([]);
    expect(at(302, fine)).toEqual([]);
  });

  test('begins when it was first seen, also after a restart, and tells of the newest run', () => {
    const { at, state } = receiver();
    at(0, failed);
    at(5, watched({ pipeline: pipelineThat(), run: ended('usajobs-9', 'Failed') }, 'RunFailed'));
    const kept = JSON.parse(JSON.stringify(state())) as AlertGroup[];
    const { send, state: after } = decideAlerts(kept, [failed], new Date(start + 6 * minute));
    expect(send).toEqual([]);
    expect(after[0]?.alerts).toMatchObject([{ startsAt: '2026-01-01T00:00:00.000Z', told: true, run: 'usajobs-1' }]);
    expect(after[0]?.alerts[0]?.message).toBe('usajobs-1: Extract of postings: SourceUnreachable: no answer');
  });

  test('and is over before anybody could be told is not told', () => {
    const { at, state } = receiver();
    at(0, failed, 'the receiver answered 500');
    expect(at(1, fine)).toEqual([]);
    expect(state()).toEqual([]);
  });

  test('is not over because nobody knows: the run is gone, a condition is not known, or somebody cancelled', () => {
    const { at } = receiver();
    const stale = watched({ pipeline: pipelineThat({ fresh: 'False', conserved: 'False' }) }, 'Stale', 'NotConserved');
    expect(at(0, stale)).toEqual(['Stale  firing', 'NotConserved  firing']);
    const unknown = pipelineThat({ fresh: 'Unknown', conserved: 'Unknown' });
    expect(at(1, watched({ pipeline: unknown }, 'Stale', 'NotConserved'))).toEqual([]);
    expect(at(2, watched({ pipeline: pipelineThat() }, 'Stale', 'NotConserved'))).toEqual([
      'Stale  resolved',
      'NotConserved  resolved',
    ]);
    const runs = [ended('a', 'Failed'), ended('b', 'Cancelled', '2026-01-02T00:00:00Z')];
    expect(tellingRun(runs)?.metadata.name).toBe('a');
  });

  test('is forgotten when the manifest no longer asks for it, and kept while its pipeline is not seen', () => {
    const { at, state } = receiver();
    at(0, failed);
    expect(decideAlerts(state(), [], new Date(start)).state).toEqual(state());
    expect(at(1, watched(failed.sight, 'Stale'))).toEqual([]);
    expect(state()).toEqual([]);
  });
});

describe('what a report tells', () => {
  const drift = { reason: 'SchemaDrift', message: 'a new column' };
  const see = (...args: Parameters<typeof reported>) =>
    watched({ pipeline: pipelineThat(), report: reported(...args) }, 'SchemaDrift', 'BudgetSpent');

  test('is about datasets, in one message of all that is wrong', () => {
    const { at, state } = receiver();
    const both = see(
      [
        { ...drift, dataset: 'a' },
        { ...drift, dataset: 'b' },
        { ...drift, dataset: 'b' },
      ],
      { a: 1, b: 1 },
    );
    expect(at(0, both)).toEqual(['SchemaDrift a firing', 'SchemaDrift b firing']);
    expect(state()[0]?.alerts[1]?.message).toBe('a new column; a new column');
    expect(at(1, see([{ ...drift, dataset: 'a' }], { a: 1, b: 1 }))).toEqual([
      'SchemaDrift a firing',
      'SchemaDrift b resolved',
    ]);
  });

  test('is over when a run that succeeded had work on the dataset and did not tell it again', () => {
    const { at } = receiver();
    expect(at(0, see([{ ...drift, dataset: 'a' }], { a: 1 }))).toEqual(['SchemaDrift a firing']);
    expect(at(1, see([], { a: 0 }))).toEqual([]);
    expect(at(2, see([], { a: 1 }, 'Failed'))).toEqual([]);
    expect(at(3, watched({ pipeline: pipelineThat() }, 'SchemaDrift'))).toEqual([]);
    expect(at(4, see([], { a: 1 }))).toEqual(['SchemaDrift a resolved']);
  });

  test('of a budget is over with the next run that succeeds', () => {
    const { at } = receiver();
    const spent = see([{ dataset: 'a', reason: 'BudgetSpent', message: 'spent' }], { a: 0 });
    expect(at(0, spent)).toEqual(['BudgetSpent a firing']);
    expect(at(1, see([], { a: 0 }))).toEqual(['BudgetSpent a resolved']);
  });
});

describe('a message that cannot be sent', () => {
  test('is tried again after 1, 2, 4, … s, twelve times, then only when it is due again', () => {
    const { at, state } = receiver();
    const tries = Array.from({ length: 3 * 3600 }, (_, second) => second).filter(
      (second) => at(second / 60, failed, 'the receiver answered 503').length > 0,
    );
    expect(tries).toEqual([0, 1, 3, 7, 15, 31, 63, 127, 255, 511, 1023, 2047]);
    expect(state()[0]).not.toHaveProperty('failing');
    expect(at(2047 / 60 + 240, failed)).toEqual(['RunFailed  firing']);
  });

  test('is sent as it is by then', () => {
    const { at } = receiver();
    at(0, failed);
    expect(at(1, fine, 'the receiver answered 500')).toEqual(['RunFailed  resolved']);
    expect(at(2, failed)).toEqual([]);
    expect(at(3, fine)).toEqual(['RunFailed  resolved']);
  });
});

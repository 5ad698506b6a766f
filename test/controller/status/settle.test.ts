import { expect, test } from 'vitest';
import { deriveStatus } from '../../../src/controller/status/derive.ts';
import { settle } from '../../../src/controller/status/settle.ts';
import { atRest, withPool } from './support.ts';

const now = new Date('2026-11-20T12:10:04Z');
const justNow = new Date('2026-11-20T12:10:00Z');
const before = deriveStatus(atRest());
const queues = { extract: { waiting: 7, active: 1, failed: 0 } };

test('numbers that move wait until the last write is five seconds old', () => {
  const busier = deriveStatus({ ...atRest(), queues });
  expect(settle(before, busier, { wroteAt: justNow, now })).toEqual({
    write: false,
    lookAgainAt: new Date('2026-11-20T12:10:05Z'),
  });
  expect(settle(before, busier, { wroteAt: justNow, now: new Date('2026-11-20T12:10:05Z') })).toEqual({ write: true });
  expect(settle(before, busier, { wroteAt: undefined, now })).toEqual({ write: true });
});

test('anything else is written at once, and nothing when nothing changed', () => {
  const decision = { replicas: 0, reason: 'CoolingDown', limits: [], want: 0 } as const;
  const at = { wroteAt: justNow, now };
  expect(settle(before, deriveStatus(withPool(atRest(), 'clean', { decision })), at)).toEqual({ write: true });
  expect(settle(before, deriveStatus({ ...atRest(), conflict: 'taken' }), at)).toEqual({ write: true });
  expect(settle(undefined, before, at)).toEqual({ write: true });
  expect(settle(before, deriveStatus(atRest()), { wroteAt: undefined, now })).toEqual({ write: false });
});

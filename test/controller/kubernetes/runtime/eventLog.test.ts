import { expect, test } from 'vitest';
import { openEventLog } from '../../../../src/controller/kubernetes/recorder/eventLog.ts';
import { cut } from '../../../../src/controller/kubernetes/recorder.ts';

const about = (name: string) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace: 'n', uid: name },
});
const event = (note: string) => ({ reason: 'Scaled', action: 'Scale', note });
const minute = 60_000;

test('what happens again within ten minutes is one entry that counts, and a new one later', () => {
  const log = openEventLog();
  log.observe(about('a'), event('x'), 0);
  const first = log.take(0);
  log.observe(about('a'), event('x'), 9 * minute);
  expect(log.take(9 * minute)).toBe(first);
  expect(first).toMatchObject({ count: 2, firstAt: 0, lastAt: 9 * minute });
  log.observe(about('a'), event('x'), 20 * minute);
  const second = log.take(20 * minute);
  expect(second).not.toBe(first);
  expect(second).toMatchObject({ count: 1, written: false });
});

test('another note, reason or object is another entry', () => {
  const log = openEventLog();
  log.observe(about('a'), event('x'), 0);
  log.observe(about('a'), event('y'), 0);
  log.observe(about('b'), event('x'), 0);
  log.observe(about('a'), { ...event('x'), reason: 'RunFailed' }, 0);
  expect([log.take(0), log.take(0), log.take(0), log.take(0)].map((entry) => entry?.count)).toEqual([1, 1, 1, 1]);
  expect(log.take(0)).toBeUndefined();
  expect(log.due(0)).toBeUndefined();
});

test('one object has twenty writes at once and then one in ten seconds, whatever others do', () => {
  const log = openEventLog();
  const now = 100 * minute;
  for (let index = 0; index < 30; index += 1) log.observe(about('a'), event(`${index}`), now);
  let taken = 0;
  while (log.take(now)) taken += 1;
  expect(taken).toBe(20);
  expect(log.due(now)).toBe(10_000);
  log.observe(about('b'), event('x'), now);
  expect(log.take(now)?.about.metadata.name).toBe('b');
  expect(log.take(now + 9_999)).toBeUndefined();
  expect(log.take(now + 10_000)).toBeDefined();
  expect(log.take(now + 10_000)).toBeUndefined();
  expect(log.takeAny()).toBeDefined();
});

test('ten thousand different events leave a thousand', () => {
  const log = openEventLog();
  for (let index = 0; index < 10_000; index += 1) log.observe(about(`o${index}`), event('x'), index);
  const left = [];
  for (let entry = log.takeAny(); entry; entry = log.takeAny()) left.push(entry.about.metadata.name);
  expect(left).toHaveLength(1_000);
  expect(left[0]).toBe('o9000');
});

test.each([
  ['a'.repeat(1024), 'a'.repeat(1024)],
  ['a'.repeat(1025), `${'a'.repeat(1021)}…`],
  ['é'.repeat(600), `${'é'.repeat(510)}…`],
  [`a${'😀'.repeat(300)}`, `a${'😀'.repeat(255)}…`],
])('a note is cut between characters (%#)', (text, expected) => {
  expect(cut(text, 1024)).toBe(expected);
  expect(Buffer.byteLength(cut(text, 1024))).toBeLessThanOrEqual(1024);
});

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseBytes, parseDuration } from '../../src/api/parseUnits.ts';
import { byteSize, duration } from '../../src/api/units.ts';

test.each([
  ['250ms', 250],
  ['15s', 15_000],
  ['10m', 600_000],
  ['24h', 86_400_000],
  ['400d', 34_560_000_000],
])('%s is %d ms', (text, milliseconds) => {
  expect(parseDuration(text)).toBe(milliseconds);
});

test.each([
  ['500', 500],
  ['2Ki', 2048],
  ['64Mi', 67_108_864],
  ['1Gi', 1_073_741_824],
])('%s is %d bytes', (text, bytes) => {
  expect(parseBytes(text)).toBe(bytes);
});

test.each(['', '0s', '10', '1.5h', '-1s', '10 m', '1h30m', '10M'])('%j is no duration', (text) => {
  expect(duration.safeParse(text).success).toBe(false);
  expect(() => parseDuration(text)).toThrow(RangeError);
});

test('schemas and parsers agree on what is allowed', () => {
  const nearly = fc.stringMatching(/^[0-9]{0,4}[a-zA-Z]{0,3}$/);
  fc.assert(
    fc.property(nearly, (text) => {
      expect(accepts(() => parseDuration(text))).toBe(duration.safeParse(text).success);
      expect(accepts(() => parseBytes(text))).toBe(byteSize.safeParse(text).success);
    }),
    { numRuns: 2000 },
  );
});

function accepts(parse: () => number): boolean {
  try {
    return Number.isSafeInteger(parse());
  } catch {
    return false;
  }
}

/**
 * What a time or a size in a manifest comes to. Apart from the schema, so that worker processes, which only read values
 * that were checked, start without it.
 */
export const durationPattern = /^([1-9][0-9]{0,6})(ms|s|m|h|d)$/;
export const sizePattern = /^([1-9][0-9]{0,5})(Ki|Mi|Gi)?$/;
const milliseconds: Readonly<Record<string, number>> = { ms: 1, s: 1e3, m: 60e3, h: 3600e3, d: 86400e3 };
const multipliers: Readonly<Record<string, number>> = { Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30 };

/** Milliseconds of a `duration`. */
export const parseDuration = (source: string): number => scaled(source, durationPattern, milliseconds, 'duration');

/** Bytes of a `byteSize`. */
export const parseBytes = (source: string): number => scaled(source, sizePattern, multipliers, 'size');

function scaled(
  source: string,
  pattern: RegExp,
  factors: Readonly<Record<string, number>>,
  what: 'duration' | 'size',
): number {
  const [, count, unit = ''] = pattern.exec(source) ?? [];
  if (count === undefined) throw new RangeError(`${JSON.stringify(source)} is not a ${what}`);
  return Number(count) * (factors[unit] ?? 1);
}

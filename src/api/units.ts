import { z } from 'zod';
import { durationPattern, sizePattern } from './parseUnits.ts';
import { matching } from './words.ts';

/** Times, sizes and numbers as they are written in a manifest. */

export const decimalPattern = /^-?[0-9]{1,38}(\.[0-9]{1,38})?$/;

/** A length of time in one unit: `250ms`, `15s`, `10m`, `24h`, `400d`. */
export const duration = matching(durationPattern, 'a duration in one unit, such as 250ms, 15s, 10m, 24h or 400d', 12);

/** A size in bytes: `500`, `512Ki`, `64Mi`, `2Gi`. */
export const byteSize = matching(sizePattern, 'a size in bytes, such as 512Ki, 64Mi or 2Gi', 12);

/** A moment in UTC: `2026-11-20T12:00:00Z`. */
export const instant = matching(
  /^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?Z$/,
  'a moment in UTC, such as 2026-11-20T12:00:00Z',
  30,
)
  .refine((value) => !Number.isNaN(Date.parse(value)), 'is a moment that does not exist')
  .meta({ format: 'date-time' });

/** A decimal number as text, so that no digit is lost on the way: `"0"`, `"-12.50"`. */
export const decimal = matching(decimalPattern, 'a decimal number as text, such as "0" or "-12.50"', 40);

/** A whole number from `min` to `max`. */
export const whole = (min: number, max: number) => z.int().min(min).max(max);

/** A count of things; no bound but that of exact numbers. */
export const count = () => whole(0, Number.MAX_SAFE_INTEGER);

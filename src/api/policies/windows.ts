import { parseDuration } from '../parseUnits.ts';
import type { Dataset } from '../pipeline.ts';
import type { Finding, Path } from '../problem.ts';
import { datasetsOf, type Policy } from './policy.ts';

const minuteMs = 60_000;
const dayMs = 24 * 60 * minuteMs;

/** Slices have borders on the calendar, and a load mode that a part of a source's records can be loaded with. */
export const soundWindows: Policy = (pipeline) =>
  datasetsOf(pipeline).flatMap(({ dataset, at }) =>
    dataset.extract.window === undefined ? [] : [...borders(dataset, at), ...loadOfParts(dataset, at)],
  );

function borders({ extract: { window } }: Dataset, at: Path): Finding[] {
  const every = window?.every ?? '1d';
  const length = parseDuration(every);
  if (length >= minuteMs && (length < dayMs || length % dayMs === 0)) return [];
  return [
    {
      at: [...at, 'extract', 'window', 'every'],
      what: `found ${every}: slices begin at local midnight, so they are part of a day or whole days, at least 1m`,
      found: every,
      allowed: '1m to 24h, or whole days',
      fix: 'Write for example 15m, 1h, 1d or 7d.',
    },
  ];
}

/** Rows of one period are asked for in spans of other lengths, and only a key tells that they are the same. */
function loadOfParts({ extract: { window }, load }: Dataset, at: Path): Finding[] {
  if (load.mode !== 'Append' || window?.maxSpan === undefined) return [];
  return [
    {
      at: [...at, 'extract', 'window', 'maxSpan'],
      what: 'found maxSpan with load.mode: Append: rows of spans that overlap would be there twice',
      found: window.maxSpan,
      fix: 'Leave maxSpan out, or use Merge, which knows a row by its key.',
    },
  ];
}

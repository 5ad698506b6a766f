import { TerminalError } from './errors.ts';

const two = (value: number): string => String(value).padStart(2, '0');
const name = (when: Temporal.ZonedDateTime, options: Intl.DateTimeFormatOptions): string =>
  when.toPlainDate().toLocaleString('en-US', options);

/** The specifiers of strftime(3) that mean the same everywhere; names are English whatever the machine's language. */
const specifiers: Readonly<Record<string, (when: Temporal.ZonedDateTime) => string>> = {
  Y: (when) => String(when.year).padStart(4, '0'),
  y: (when) => two(when.year % 100),
  m: (when) => two(when.month),
  d: (when) => two(when.day),
  e: (when) => String(when.day).padStart(2, ' '),
  j: (when) => String(when.dayOfYear).padStart(3, '0'),
  H: (when) => two(when.hour),
  I: (when) => two(when.hour % 12 || 12),
  p: (when) => (when.hour < 12 ? 'AM' : 'PM'),
  M: (when) => two(when.minute),
  S: (when) => two(when.second),
  f: (when) => String(when.millisecond * 1000 + when.microsecond).padStart(6, '0'),
  z: (when) => when.offset.replace(':', ''),
  Z: (when) => when.timeZoneId,
  s: (when) => String(Math.floor(when.epochMilliseconds / 1000)),
  F: (when) => when.toPlainDate().toString(),
  T: (when) => `${two(when.hour)}:${two(when.minute)}:${two(when.second)}`,
  a: (when) => name(when, { weekday: 'short' }),
  A: (when) => name(when, { weekday: 'long' }),
  b: (when) => name(when, { month: 'short' }),
  B: (when) => name(when, { month: 'long' }),
  '%': () => '%',
};

/** A moment in a zone, written by a strftime pattern. */
export function strftime(when: Temporal.ZonedDateTime, pattern: string): string {
  return pattern.replace(/%(.?)/gsu, (whole, specifier: string) => {
    const write = Object.hasOwn(specifiers, specifier) ? specifiers[specifier] : undefined;
    if (write) return write(when);
    const known = Object.keys(specifiers).map((letter) => `%${letter}`);
    throw new TerminalError('TemplateInvalid', `${whole} in date('${pattern}') is not one of ${known.join(' ')}`);
  });
}

import { CronExpressionParser } from 'cron-parser';
import { nearest, shown } from '../problem.ts';
import type { Policy } from './policy.ts';

const macros = ['@yearly', '@annually', '@monthly', '@weekly', '@daily', '@hourly'];
const names = /\b(SUN|MON|TUE|WED|THU|FRI|SAT|JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC)\b/gi;

/** The schedule is one that CronJob would take: five fields or a macro, without the extensions of single libraries. */
export const validSchedule: Policy = ({ spec }) => {
  const { schedule } = spec;
  const why = schedule === undefined ? undefined : scheduleFault(schedule);
  if (schedule === undefined || why === undefined) return [];
  return [
    {
      at: ['spec', 'schedule'],
      what: `found ${shown(schedule)}: ${why}`,
      found: shown(schedule),
      allowed: `minute hour day month weekday, such as "0 6 * * 1-5", or ${macros.join(', ')}`,
      fix: 'Write five fields or a macro.',
    },
  ];
};

function scheduleFault(schedule: string): string | undefined {
  if (schedule.startsWith('@')) return macros.includes(schedule) ? undefined : 'no such macro';
  const fields = schedule.trim().split(/\s+/);
  if (fields.length !== 5) return `${fields.length} fields instead of five`;
  const odd = fields.find((field) => !/^[0-9*,/-]*$/.test(field.replace(names, '0')));
  if (odd !== undefined) return `${shown(odd)} is not a field`;
  try {
    CronExpressionParser.parse(schedule).next();
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

/** The time zone is in the IANA database. */
export const validTimeZone: Policy = ({ spec }) => {
  const { timeZone } = spec;
  if (isTimeZone(timeZone)) return [];
  const zones = ['UTC', ...Intl.supportedValuesOf('timeZone')];
  const suggestion =
    nearest(timeZone, zones) ?? zones.find((zone) => zone.endsWith(`/${timeZone.replaceAll(' ', '_')}`));
  return [
    {
      at: ['spec', 'timeZone'],
      what: `found ${shown(timeZone)}, which is no time zone`,
      found: shown(timeZone),
      allowed: 'names of the IANA database, such as UTC or America/Chicago',
      ...(suggestion === undefined ? {} : { suggestion }),
      fix: `Write ${suggestion ?? 'a name such as America/Chicago'}.`,
    },
  ];
};

function isTimeZone(name: string): boolean {
  if (!/^[A-Za-z]/.test(name)) return false;
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone !== '';
  } catch {
    return false;
  }
}

import { CronExpressionParser } from 'cron-parser';

/** The instants at which a schedule ticks, in milliseconds since 1970. */
export interface Ticks {
  /** The first tick after an instant. */
  next(instant: number): number;
  /** The last tick at an instant or before it. */
  last(instant: number): number;
}

/**
 * The ticks of a cron schedule in a time zone. Cron is about what a clock on the wall shows, so the schedule is read off
 * a clock that knows no zone, and what it shows is then found in the zone: a time that the zone leaves out stands for the
 * first instant after the gap, one that it has twice for the first of the two. Hence many ticks in a gap are one, and
 * none happens twice.
 */
export function ticksOf(schedule: string, timeZone: string): Ticks {
  const from = (wall: number) => CronExpressionParser.parse(schedule, { currentDate: new Date(wall), tz: 'UTC' });
  return {
    next: (instant) => instantOf(from(latestShown(instant, timeZone)).next().getTime(), timeZone),
    // cron-parser looks strictly before where it starts.
    last: (instant) =>
      instantOf(
        from(latestShown(instant, timeZone) + 1)
          .prev()
          .getTime(),
        timeZone,
      ),
  };
}

/** The latest time that a clock on the wall has shown up to an instant: more than it shows now if it was put back. */
function latestShown(instant: number, timeZone: string): number {
  const now = Temporal.Instant.fromEpochMilliseconds(instant).toZonedDateTimeISO(timeZone);
  // A change at this very instant counts, and Temporal looks strictly before where it starts.
  const change = now.add({ milliseconds: 1 }).getTimeZoneTransition('previous');
  const shown = wallOf(now);
  return change ? Math.max(shown, wallOf(change.subtract({ milliseconds: 1 }))) : shown;
}

const wallOf = (time: Temporal.ZonedDateTime): number =>
  time.toPlainDateTime().toZonedDateTime('UTC').epochMilliseconds;

function instantOf(wall: number, timeZone: string): number {
  const shown = Temporal.Instant.fromEpochMilliseconds(wall).toZonedDateTimeISO('UTC').toPlainDateTime();
  const found = shown.toZonedDateTime(timeZone, { disambiguation: 'earlier' });
  if (found.toPlainDateTime().equals(shown)) return found.epochMilliseconds;
  const afterGap = found.getTimeZoneTransition('next') ?? found;
  return afterGap.epochMilliseconds;
}

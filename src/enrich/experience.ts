import { type Duration, durations, mayNameDuration } from './durations.ts';
import * as cues from './experienceCues.ts';
import { plainLines, sentences } from './text.ts';

/** Experience that a posting names. A minor statement counts only where no full one stands. */
interface Statement {
  readonly years: number;
  readonly rank: 'required' | 'minor' | 'preferred';
}

/** A larger number is about something else. */
const mostYears = 30;
/** A larger number must stand right beside a word for experience and a word that asks. */
const usualYears = 15;
/** Durations looked at in one text, so that the work per row stays bounded. */
const mostDurations = 300;
/** Characters on either side of a duration that can tell what it is. */
const reach = 100;
/** A text no longer than this is a field of its own, such as "required experience". */
const longestField = 200;

/** The years of experience that a text names, each once, ascending. */
export const experienceMentions = (text: string): number[] =>
  [...new Set(statementsOf(text).map(({ years }) => years))].sort((a, b) => a - b);

/** The lowest number of years that a text requires; else the lowest it names at all; `null` when it names none. */
export function experienceYears(text: string): number | null {
  const statements = statementsOf(text);
  for (const rank of ['required', 'minor', 'preferred'] as const) {
    const years = statements.filter((statement) => statement.rank === rank).map((statement) => statement.years);
    if (years.length > 0) return Math.min(...years);
  }
  return null;
}

/** The heading that a line stands under. */
interface Section {
  readonly preferred: boolean;
  readonly experience: boolean;
  /** Lines since the heading. */
  readonly age: number;
}

function statementsOf(text: string): Statement[] {
  const lines = plainLines(text);
  const statements = contextsIn(lines, text.length <= longestField)
    .take(mostDurations)
    .filter(isExperienceAskedFor)
    .map(toStatement)
    .toArray();
  if (statements.length > 0) return statements;
  return lines.some((line) => cues.noExperience.test(line)) ? [{ years: 0, rank: 'required' }] : [];
}

/** Every duration in the lines, with what stands around it. */
function* contextsIn(lines: readonly string[], field: boolean): Generator<Context> {
  // A field of its own reads as if below a heading, but not right below: a number alone says nothing.
  let section: Section = { preferred: false, experience: field, age: 1 };
  for (const line of lines) {
    section = sectionAt(line, section);
    const numbered = withUnit(line, section);
    if (!mayNameDuration(numbered)) continue;
    for (const sentence of sentences(numbered)) {
      for (const duration of durations(sentence)) yield contextOf(sentence, duration, section);
    }
  }
}

const sectionAt = (line: string, before: Section): Section =>
  cues.isHeading(line)
    ? { preferred: cues.preferredHeading.test(line), experience: cues.namesExperience.test(line), age: 0 }
    : { ...before, age: before.age + 1 };

/** `Years of experience: 5` and a lone `5` below such a heading, made into a duration like any other. */
const withUnit = (line: string, section: Section): string =>
  /[\d+]$/.test(line) &&
  (cues.labelledNumber.test(line) || (section.experience && section.age === 1 && cues.loneNumber.test(line)))
    ? `${line} years`
    : line;

/** A duration and what stands around it. */
interface Context {
  readonly duration: Duration;
  readonly before: string;
  readonly after: string;
  readonly experienceFollows: boolean;
  readonly experienceBeside: boolean;
  /** It opens a line below a heading for experience. */
  readonly headed: boolean;
  readonly section: Section;
}

function contextOf(sentence: string, duration: Duration, section: Section): Context {
  const before = sentence.slice(Math.max(0, duration.start - reach), duration.start);
  const after = sentence.slice(duration.end, duration.end + reach);
  const experienceFollows = cues.experienceFollows.test(after);
  return {
    duration,
    before,
    after,
    experienceFollows,
    experienceBeside: experienceFollows || cues.experiencePrecedes.test(before),
    headed: section.experience && section.age <= 5 && cues.opensLine.test(before),
    section,
  };
}

const isExperienceAskedFor = (context: Context): boolean =>
  context.duration.years <= mostYears && !isSomethingElse(context) && !isBoast(context) && isExperience(context);

/** Age, study, contract, history, a period around the work. */
const isSomethingElse = ({ duration, before, after, experienceFollows, experienceBeside }: Context): boolean =>
  (duration.ambiguous && !experienceFollows) ||
  cues.periodBefore.test(before) ||
  cues.otherwiseAfter.test(after) ||
  (cues.contractBefore.test(before) && !experienceBeside) ||
  (cues.spanBefore.test(before) && !experienceFollows);

/** A company that tells how long it has been at work, rather than asks. */
function isBoast({ duration, before, after, experienceBeside }: Context): boolean {
  if (cues.asksBefore.test(before) || cues.asksAfter.test(after)) {
    return duration.years > usualYears && !experienceBeside;
  }
  return duration.years > usualYears || cues.boastsBefore.test(before) || cues.boastsAfter.test(after);
}

function isExperience({ duration, before, after, experienceBeside, headed }: Context): boolean {
  if (experienceBeside || headed) return true;
  if (duration.unit !== 'year') return false;
  if (cues.namesExperience.test(before) || cues.namesExperience.test(after)) return true;
  return (duration.open || cues.minimumBefore.test(before)) && cues.workFollows.test(after);
}

function toStatement({ duration, before, after, section }: Context): Statement {
  const atMost = cues.upperBoundBefore.test(before);
  const underAYear = duration.years === 0 && duration.unit !== 'year';
  const minor = atMost || underAYear || cues.partBefore.test(before) || cues.partAfter.test(after);
  const preferred = section.preferred || cues.preferredBefore.test(before) || cues.preferredAfter.test(after);
  return { years: atMost ? 0 : duration.years, rank: preferred ? 'preferred' : minor ? 'minor' : 'required' };
}

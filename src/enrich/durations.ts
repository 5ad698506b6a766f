/** A length of time that a sentence names. */
export interface Duration {
  /** Whole years, rounded down; the lower end of a range. */
  readonly years: number;
  readonly unit: Unit;
  /** Said to be exceeded, as in `5+` or `5 or more`. */
  readonly open: boolean;
  /** Said as one says of other things, too: `4-year degree`, `12 month contract`, `once a year`. */
  readonly ambiguous: boolean;
  readonly start: number;
  readonly end: number;
}

export type Unit = 'year' | 'month' | 'week';

/** Number words as they read without accents: English, Spanish, French, German, Portuguese, Italian. */
const numberWords: readonly (readonly [value: number, words: string])[] = [
  [0, 'zero cero'],
  [1, "a one un uno una une un' ein eine einem einer eines einen um uma"],
  [2, 'two dos deux zwei dois duas due'],
  [3, 'three tres trois drei tre'],
  [4, 'four cuatro quatre vier quatro quattro'],
  [5, 'five cinco cinq funf fuenf cinque'],
  [6, 'six seis sechs sei'],
  [7, 'seven siete sept sieben sete sette'],
  [8, 'eight ocho huit acht oito otto'],
  [9, 'nine nueve neuf neun nove'],
  [10, 'ten diez dix zehn dez dieci'],
  [11, 'eleven once onze elf undici'],
  [12, 'twelve doce douze zwolf doze dodici'],
  [13, 'thirteen trece'],
  [14, 'fourteen catorce'],
  [15, 'fifteen quince quinze'],
  [18, 'eighteen dieciocho dix-huit achtzehn diciotto'],
  [20, 'twenty veinte vingt vinte zwanzig venti'],
  [24, 'twenty-four veinticuatro'],
  [25, 'twenty-five veinticinco'],
];

const numbers = new Map(
  numberWords.flatMap(([value, words]) => words.split(' ').map((word): [string, number] => [word, value])),
);

const units: Readonly<Record<Unit, string>> = {
  year: 'years?|yrs?|yoe|anos?|ans|(?<=un |1 )an|annees?|ann[io]|jahr(?:e[ns]?|s)?|jahrige[mnrs]?',
  month: 'months?|mos|mes(?:es|i|e)?|mois|monat(?:en?)?',
  week: 'weeks?|wks?|semanas?|semaines?|settiman[ae]|wochen?',
};
const perYear: Readonly<Record<Unit, number>> = { year: 1, month: 12, week: 52 };

const anyUnit = Object.values(units).join('|');
/** Longest words first, since `un` is also how `una` begins. */
const anyWord = [...numbers.keys()].sort((a, b) => b.length - a.length).join('|');
const digits = String.raw`(?<![\d.,$]|[a-z]-)\d{1,2}(?:[.,]\d{1,2})?(?![.,]?\d)`;
const number = `(?:${digits}|(?<![a-z])(?:${anyWord}))`;
/** `3`, `three (3)`, `3 (three)`. */
const figure = (name: string) => String.raw`(?<${name}>${number})(?: ?\( ?(?<${name}Again>${number}) ?\+?\))?\)?`;
const more = '(?: ?\\+|[ -]plus| or more| or above| and above| o mas| a mas| ou plus| ou mais| oder mehr| o piu)';
const rangeSign = '(?: ?[-/] ?| (?:to|through|and|or|a|y|o|e|et|ou|bis|und|oder|hasta|ate) )';

const unitPattern = new RegExp(`(?:${anyUnit})(?:\\(s\\)|'s?)?(?![a-z])`, 'g');
const morePattern = new RegExp(more, 'y');
/** What stands before a unit when it counts something. */
const countPattern = new RegExp(
  `${figure('low')}(?<moreThanLow>${more})?` +
    `(?:(?: ?(?<lowUnit>${anyUnit}))?${rangeSign}${figure('high')}(?<moreThanHigh>${more})?)?` +
    '(?<joint>[ -]?)(?:(?:full|complete|consecutive|solid)[ -])?$',
);
/** More than any count takes, with both numbers in words and figures. */
const longestCount = 64;

/** Whether a text could name a duration at all; cheap, for texts and lines that do not. */
export const mayNameDuration = (text: string): boolean => text.search(unitPattern) >= 0;

/** Every duration in a sentence of plain lower-case ASCII. */
export function* durations(sentence: string): Generator<Duration> {
  let last: Duration | undefined;
  for (const unit of sentence.matchAll(unitPattern)) {
    const duration = durationAt(sentence, unit.index, unit[0]);
    if (!duration) continue;
    // "6 months to 2 years" is one duration; it comes up first as "6 months".
    if (last && last.end <= duration.start) yield last;
    last = duration;
  }
  if (last) yield last;
}

function durationAt(sentence: string, unitStart: number, unitText: string): Duration | undefined {
  const windowStart = Math.max(0, unitStart - longestCount);
  const count = countPattern.exec(sentence.slice(windowStart, unitStart));
  if (!count?.groups) return undefined;
  const part = count.groups;
  const low = numberIn(part.lowAgain ?? part.low);
  const high = part.high === undefined ? low : numberIn(part.highAgain ?? part.high);
  const unit = unitOf(part.lowUnit ?? unitText);
  const end = unitStart + unitText.length;
  morePattern.lastIndex = end;
  return {
    years: Math.floor((part.lowUnit === undefined ? Math.min(low, high) : low) / perYear[unit]),
    unit,
    open: part.moreThanLow !== undefined || part.moreThanHigh !== undefined || morePattern.test(sentence),
    ambiguous: part.low === 'a' || (/^(?:year|yr|month|week)$/.test(unitText) && (high !== 1 || part.joint === '-')),
    start: windowStart + count.index,
    end,
  };
}

const numberIn = (text = ''): number => numbers.get(text) ?? Number.parseFloat(text.replace(',', '.'));

const monthPattern = new RegExp(`^(?:${units.month})`);
const weekPattern = new RegExp(`^(?:${units.week})`);

function unitOf(text: string): Unit {
  if (monthPattern.test(text)) return 'month';
  return weekPattern.test(text) ? 'week' : 'year';
}

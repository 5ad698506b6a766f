import { describeLocations, hundredsOfLocations, type Location, makeLocations } from './locations.ts';
import { makePay, type Remuneration } from './pay.ts';
import { type Random, random } from './random.ts';
import { type Details, makeEmployer, makeTexts } from './texts.ts';
import { dataEngineering, gardening } from './words.ts';

/** What is deliberately wrong with a posting. */
export type Dirt =
  | 'MissingUri'
  | 'MissingTitle'
  | 'MinimumAboveMaximum'
  | 'ZeroPay'
  | 'UnknownInterval'
  | 'HundredsOfLocations'
  | 'RepeatedPositionId'
  | 'NoRemuneration';

/** The parts of a posting that the double itself reads; the others are only passed on. */
export interface Descriptor {
  PositionID: string;
  PositionTitle?: string;
  PositionURI?: string;
  PositionLocation: readonly Location[];
  PositionRemuneration: readonly Remuneration[];
  UserArea: { readonly Details: Details };
  readonly [field: string]: unknown;
}

/** One made-up job announcement. */
export interface Posting {
  /** The control number: what stays when everything else about an announcement changes. */
  readonly id: string;
  readonly dirt?: Dirt;
  /** What the API's index knows, whatever the announcement shows: words, and the top of the range in USD a year. */
  readonly indexed: { readonly words: string; readonly annualPay: number };
  readonly descriptor: Descriptor;
}

/** Which of the three criteria of the usual search a posting fails; absent: none. */
export type Miss = 'Keyword' | 'Location' | 'Pay';

export interface Wish {
  readonly seed: number;
  /** Counts the postings of a double from 0. */
  readonly index: number;
  readonly miss?: Miss;
  readonly dirt?: Dirt;
}

/** Everything about a posting follows from the seed and its index. */
export function makePosting({ seed, index, miss, dirt }: Wish): Posting {
  const from = random(seed, `posting ${index}`);
  const modern = from.chance(0.5);
  const topic = miss === 'Keyword' ? gardening : dataEngineering;
  const id = controlNumber(seed, index);
  const pay = makePay(from, modern, miss === 'Pay');
  const title = from.pick(topic.titles);
  const clean: Descriptor = {
    PositionID: positionId(seed, index),
    PositionTitle: title,
    PositionURI: `https://www.usajobs.gov:443/GetJob/ViewDetails/${id}`,
    ApplyURI: [`https://www.usajobs.gov:443/GetJob/ViewDetails/${id}?PostingChannelID=RESTAPI`],
    ...describeLocations(makeLocations(from, modern, miss === 'Location'), modern),
    ...makeEmployer(from, topic),
    ...makeTexts(from, topic, modern),
    PositionRemuneration: [pay.shown],
    ...makeDates(from, modern),
  };
  const indexed = { words: `${title} ${topic.name}`.toLowerCase(), annualPay: pay.annual };
  if (!dirt) return { id, indexed, descriptor: clean };
  return { id, indexed, dirt, descriptor: { ...clean, ...spoil({ seed, index, dirt, from, pay: pay.shown }) } };
}

const controlNumber = (seed: number, index: number): string =>
  String(700_000_000 + index * 1_000 + random(seed, `control number ${index}`).integer(1, 9) * 100);

function positionId(seed: number, index: number): string {
  const from = random(seed, `position ${index}`);
  return `${from.pick(['BLL', 'OHS', 'NAS', 'PLA'])}-26-${from.integer(10_000, 99_999)}-${index}`;
}

interface Spoil extends Required<Pick<Wish, 'seed' | 'index' | 'dirt'>> {
  readonly from: Random;
  readonly pay: Remuneration;
}

/** The fields that replace clean ones; an undefined field is not in the answer at all. */
function spoil({ seed, index, dirt, from, pay }: Spoil): Record<string, unknown> {
  const remuneration = (change: Partial<Remuneration>) => ({ PositionRemuneration: [{ ...pay, ...change }] });
  switch (dirt) {
    case 'MissingUri':
      return { PositionURI: undefined };
    case 'MissingTitle':
      return { PositionTitle: undefined };
    case 'MinimumAboveMaximum':
      return remuneration({ MinimumRange: pay.MaximumRange, MaximumRange: pay.MinimumRange });
    case 'ZeroPay':
      return remuneration({ MinimumRange: '0', MaximumRange: '0', RateIntervalCode: 'WC' });
    case 'UnknownInterval':
      return remuneration({ RateIntervalCode: 'Per Harvest' });
    case 'HundredsOfLocations':
      return { PositionLocation: hundredsOfLocations(from) };
    case 'RepeatedPositionId':
      return { PositionID: positionId(seed, Math.max(0, index - 1)) };
    case 'NoRemuneration':
      return { PositionRemuneration: [] };
  }
}

function makeDates(from: Random, modern: boolean) {
  const opens = new Date(Date.UTC(2026, 1, from.integer(1, 28)));
  const closes = new Date(opens.getTime() + from.integer(5, 60) * 86_400_000);
  const day = (date: Date) => date.toISOString().slice(0, 10);
  const start = modern ? `${day(opens)}T00:00:00.0000` : `${day(opens)}T00:00:00Z`;
  const end = modern ? `${day(closes)}T23:59:59.9970` : `${day(closes)}T00:00:00Z`;
  return { PositionStartDate: start, PositionEndDate: end, PublicationStartDate: start, ApplicationCloseDate: end };
}

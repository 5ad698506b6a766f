import type { Ranked } from './catalogue.ts';
import { findPlace, miles } from './places.ts';
import type { Posting } from './posting.ts';

/** The search of the example's manifest with its default parameters. */
export const usualSearch = {
  Keyword: 'data engineering',
  LocationName: 'Chicago, Illinois',
  RemunerationMinimumAmount: '100000',
} as const;

/** A search as the API understood it. Parameters it does not know are ignored, as the API does. */
export interface Search {
  readonly words: readonly string[];
  readonly locations: readonly string[];
  readonly radius: number;
  readonly minimumPay: number | undefined;
  readonly page: number;
  readonly size: number;
  readonly fields: 'Min' | 'Full';
}

/** A search that the API answers with an error. */
export interface Refusal {
  readonly status: 400 | 503;
  readonly message: string;
}

const largestPage = 500;
const defaultPage = 250;
const defaultRadius = 25;
const bucketWidth = 25_000;
const highestBucket = 200_000;

/** Reads the query. `oversize`: what a page beyond 500 leads to. */
export function parseSearch(params: URLSearchParams, oversize: 'Clamp' | 'Reject'): Search | Refusal {
  const text = (name: string) => (params.get(name) ?? '').trim();
  const number = (name: string, fallback: number) => Number(text(name) || fallback);
  const search: Search = {
    words: text('Keyword').toLowerCase().split(/\s+/).filter(Boolean),
    locations: text('LocationName')
      .split(';')
      .filter((name) => name.trim() !== ''),
    radius: number('Radius', defaultRadius),
    minimumPay: text('RemunerationMinimumAmount') === '' ? undefined : Number(text('RemunerationMinimumAmount')),
    page: number('Page', 1),
    size: number('ResultsPerPage', defaultPage),
    fields: text('Fields').toLowerCase() === 'full' ? 'Full' : 'Min',
  };
  return refusal(search, oversize) ?? { ...search, size: Math.min(search.size, largestPage) };
}

function refusal(search: Search, oversize: 'Clamp' | 'Reject'): Refusal | undefined {
  const bad = (message: string): Refusal => ({ status: 400, message });
  if (!isCount(search.page)) return bad('Page must be a whole number from 1');
  if (!isCount(search.size)) return bad('ResultsPerPage must be a whole number from 1');
  if (search.size > largestPage && oversize === 'Reject') return bad(`ResultsPerPage must be at most ${largestPage}`);
  if (!(search.radius >= 0)) return bad('Radius must be a number');
  if (search.minimumPay !== undefined && !(search.minimumPay >= 0)) {
    return bad('RemunerationMinimumAmount must be a number');
  }
  const filtered = search.words.length > 0 || search.locations.length > 0 || search.minimumPay !== undefined;
  return filtered ? undefined : { status: 503, message: 'The service is unavailable.' };
}

const isCount = (value: number): boolean => Number.isInteger(value) && value >= 1;

export const isRefusal = (answer: Search | Refusal): answer is Refusal => 'status' in answer;

/** What a search finds, in the order of what it is given. */
export function find(search: Search, ranked: readonly Ranked[]): readonly Ranked[] {
  return ranked.filter(({ posting }) => hasWords(posting, search) && isNear(posting, search) && pays(posting, search));
}

const hasWords = ({ indexed }: Posting, { words }: Search): boolean =>
  words.every((word) => indexed.words.includes(word));

/** A posting whose location is still open is found wherever one looks. */
function isNear({ descriptor }: Posting, { locations, radius }: Search): boolean {
  if (locations.length === 0) return true;
  return descriptor.PositionLocation.some(({ LocationName, Latitude, Longitude }) => {
    if (Latitude === 0 && Longitude === 0) return true;
    return locations.some((asked) => {
      const place = findPlace(asked);
      if (!place) return LocationName.toLowerCase().includes(asked.trim().toLowerCase());
      return miles(place, { latitude: Latitude, longitude: Longitude }) <= radius;
    });
  });
}

/** Pay is compared by bucket: whoever asks for 110,000 also gets what pays 101,000. */
const pays = ({ indexed }: Posting, { minimumPay }: Search): boolean =>
  minimumPay === undefined || bucket(indexed.annualPay) >= bucket(minimumPay);

const bucket = (amount: number): number => Math.min(Math.floor(amount / bucketWidth) * bucketWidth, highestBucket);

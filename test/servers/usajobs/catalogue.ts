import { type Dirt, type Miss, makePosting, type Posting } from './posting.ts';
import { random } from './random.ts';

/** Every 250 postings each kind of dirt comes once; the first of each is within the first 30. */
const dirtAt: Readonly<Record<number, Dirt>> = {
  3: 'MissingUri',
  7: 'MissingTitle',
  11: 'MinimumAboveMaximum',
  13: 'ZeroPay',
  17: 'UnknownInterval',
  19: 'HundredsOfLocations',
  23: 'RepeatedPositionId',
  29: 'NoRemuneration',
};
const dirtEvery = 250;

const misses: readonly Miss[] = ['Keyword', 'Location', 'Pay'];

export interface Ranked {
  readonly posting: Posting;
  /** How well the API thinks a posting answers a search; another number tomorrow. */
  readonly relevance: number;
}

export interface CatalogueOptions {
  readonly seed: number;
  /** Postings that the usual search finds. A third as many again fail one of its criteria. */
  readonly postings: number;
  readonly dirty: boolean;
}

/** What the API holds today. Postings come, change and go; a control number is never given twice. */
export class Catalogue {
  readonly #options: CatalogueOptions;
  readonly #postings = new Map<string, Posting>();
  #ranked: readonly Ranked[] | undefined;
  #made = 0;
  #day = 0;
  #version = 0;

  constructor(options: CatalogueOptions) {
    this.#options = options;
    for (let at = 0; at < options.postings; at += 1) this.#make();
    for (let at = 0; at < Math.ceil(options.postings / 3); at += 1) this.#make(misses[at % misses.length]);
  }

  /** Grows with every change. */
  get version(): number {
    return this.#version;
  }

  /** Everything, best first, as the API answers. */
  ranked(): readonly Ranked[] {
    this.#ranked ??= rank([...this.#postings.values()], this.#options.seed, this.#day);
    return this.#ranked;
  }

  changePay(id: string, minimum: number, maximum: number): void {
    this.#postings.set(id, withPay(this.#find(id), minimum, maximum));
    this.#changed();
  }

  remove(id: string): void {
    this.#postings.delete(this.#find(id).id);
    this.#changed();
  }

  /** New postings that the usual search finds; returns their ids. */
  add(count: number): readonly string[] {
    const ids = Array.from({ length: count }, () => this.#make());
    this.#changed();
    return ids;
  }

  /** Tomorrow: the same postings, ranked anew. */
  newDay(): void {
    this.#day += 1;
    this.#changed();
  }

  #make(miss?: Miss): string {
    const { seed, dirty } = this.#options;
    const index = this.#made++;
    const dirt = dirty && !miss ? dirtAt[index % dirtEvery] : undefined;
    const posting = makePosting({ seed, index, ...(miss && { miss }), ...(dirt && { dirt }) });
    this.#postings.set(posting.id, posting);
    return posting.id;
  }

  #find(id: string): Posting {
    const posting = this.#postings.get(id);
    if (!posting) throw new Error(`no posting has the control number ${id}`);
    return posting;
  }

  #changed(): void {
    this.#version += 1;
    this.#ranked = undefined;
  }
}

function rank(postings: readonly Posting[], seed: number, day: number): readonly Ranked[] {
  const weighed = postings.map((posting) => ({
    posting,
    relevance: random(seed, `relevance ${day} ${posting.id}`).integer(9_000, 29_000),
  }));
  return weighed.sort((a, b) => b.relevance - a.relevance || (a.posting.id < b.posting.id ? -1 : 1));
}

/** The same announcement, now paid by the year. */
function withPay(posting: Posting, minimum: number, maximum: number): Posting {
  const range = { MinimumRange: String(minimum), MaximumRange: String(maximum), RateIntervalCode: 'PA' };
  return {
    ...posting,
    indexed: { ...posting.indexed, annualPay: maximum },
    descriptor: { ...posting.descriptor, PositionRemuneration: [range] },
  };
}

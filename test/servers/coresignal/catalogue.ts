import { random } from '../usajobs/random.ts';
import type { Posting } from './posting.ts';

export interface CatalogueOptions {
  readonly seed: number;
  /** Postings that the usual search finds. */
  readonly postings: number;
  /** Whether some records are spoilt. */
  readonly dirty: boolean;
  /** When the first posting was updated, ISO 8601. */
  readonly since: string;
  /** From one posting's update to the next one's. */
  readonly everyMinutes: number;
}

/** What the example searches for, but for the time. */
export const usualSearch = {
  application_active: true,
  country: 'United States',
  title: '(Program manager) AND (Remote)',
  deleted: 0,
  industry: 'Software development',
} as const;

const titles = ['Program Manager (Remote)', 'Remote Senior Program Manager', 'Technical Program Manager - Remote, US'];
const day = 86_400_000;

/** Other postings, each of which the usual search leaves out for one reason. */
const others: readonly Partial<Posting>[] = [
  { title: 'Office Manager' },
  { title: 'Program Manager (on site)' },
  { country: 'Canada' },
  { industry: 'Fishing' },
  { active: false },
  { deleted: true },
];

/** The postings there are, the oldest first. Everything about them follows from the seed and the calls made. */
export class Catalogue {
  readonly #options: CatalogueOptions;
  readonly #postings = new Map<number, Posting>();
  #made = 0;

  constructor(options: CatalogueOptions) {
    this.#options = options;
    this.add(options.postings);
  }

  /** New postings that the usual search finds, updated at `at` (ISO 8601) or one after the other; returns their ids. */
  add(count: number, at?: string): readonly number[] {
    const added: number[] = [];
    for (let n = 0; n < count; n += 1) {
      const chance = random(this.#options.seed, `posting ${this.#made}`);
      const posting = this.#make(chance.pick(titles), at);
      const spoilt = this.#options.dirty && chance.chance(0.05);
      this.#postings.set(posting.id, spoilt ? { ...posting, dirt: 'NoCompany' } : posting);
      added.push(posting.id);
      if (n % 3 === 0) {
        const other = { ...this.#make(chance.pick(titles), at), ...others[(this.#made >> 2) % others.length] };
        this.#postings.set(other.id, other);
      }
    }
    return added;
  }

  /** The same postings with another description, updated at a time. */
  update(ids: readonly number[], at: string): void {
    for (const id of ids) {
      const posting = this.#postings.get(id);
      if (!posting) throw new Error(`there is no posting ${id}`);
      this.#postings.set(id, { ...posting, updatedAt: Date.parse(at), revision: posting.revision + 1 });
    }
  }

  all(): readonly Posting[] {
    return [...this.#postings.values()];
  }

  get(id: number): Posting | undefined {
    return this.#postings.get(id);
  }

  #make(title: string, at?: string): Posting {
    const { since, everyMinutes } = this.#options;
    const made = this.#made++;
    const updatedAt = at === undefined ? Date.parse(since) + made * everyMinutes * 60_000 : Date.parse(at);
    if (Number.isNaN(updatedAt)) throw new Error(`${at ?? since} is not a time`);
    const [country, industry] = [usualSearch.country, usualSearch.industry];
    const createdAt = updatedAt - (1 + (made % 40)) * day;
    return {
      ...{ id: 10_000_019 + made * 37, title, country, industry, createdAt, updatedAt },
      ...{ active: true, deleted: false, revision: 0 },
    };
  }
}

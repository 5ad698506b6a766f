import { createHash } from 'node:crypto';
import { type Random, random } from '../usajobs/random.ts';

/** What the search can see of a posting, and what a record is made from. */
export interface Posting {
  readonly id: number;
  readonly title: string;
  readonly country: string;
  readonly industry: string;
  readonly active: boolean;
  readonly deleted: boolean;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
  readonly updatedAt: number;
  /** How often it was changed. */
  readonly revision: number;
  /** What is wrong with its record, if something is. */
  readonly dirt?: 'NoCompany';
}

const companies = ['Lakeside Software', 'Blue Heron Systems', 'Paper Boat Labs', 'Quarry Lane Tools', 'Ninefold Apps'];
const places = ['Duluth, MN', 'Bend, OR', 'Asheville, NC', 'Marquette, MI', 'Ithaca, NY', 'United States'];
const tasks = [
  'You keep three release trains on time and tell everyone when they are not.',
  'You write plans that engineers read to the end.',
  'At least 5 years of experience with software delivery are asked for.',
  'Two years of experience in a remote team help.',
  'You own the risk register and make it shorter every month.',
];
const salaries = [null, null, '$95,000/yr - $120,000/yr', 'USD 60 per hour', ''];
const applicants = ['25', '117', 'Over 200 applicants', 'Be among the first 25 applicants', null];

/** `2024-12-01 00:00:01`, as the API writes times. */
export const timeText = (at: number): string => new Date(at).toISOString().slice(0, 19).replace('T', ' ');

/** The record of a posting as `collect` gives it, with the habits of the real one. */
export function recordOf(posting: Posting, seed: number): Readonly<Record<string, unknown>> {
  const { id, title, country, industry, createdAt, updatedAt } = posting;
  const chance = random(seed, `record ${id}`);
  const company = chance.integer(0, companies.length - 1);
  const url = `https://jobs.example.com/view/${id}`;
  return {
    id,
    created: timeText(createdAt),
    last_updated: timeText(updatedAt),
    time_posted: `${chance.integer(1, 11)}mo`,
    title,
    description: description(posting, chance),
    seniority: chance.pick(['Mid-Senior level', 'Entry level', 'Not Applicable']),
    employment_type: 'Full-time',
    location: chance.pick(places),
    url,
    hash: createHash('md5').update(url).digest('hex'),
    company_id: 1000 + company,
    company_name: posting.dirt === 'NoCompany' ? '' : (companies[company] ?? ''),
    company_url: `https://jobs.example.com/company/${1000 + company}`,
    external_url: chance.chance(0.5) ? `https://careers.example.org/${id}` : null,
    deleted: flag(posting.deleted, chance),
    application_active: flag(posting.active, chance),
    salary: chance.pick(salaries),
    applicants_count: chance.pick(applicants),
    [chance.chance(0.5) ? 'professional_network_job_id' : 'linkedin_job_id']: String(3_000_000_000 + id),
    country,
    last_updated_ux: updatedAt,
    redirected_url: null,
    redirected_url_hash: null,
    job_industry_collection: [{ job_industry_list: { industry } }],
    job_functions_collection: [{ job_function_list: { function: 'Project Management' } }],
  };
}

/** Descriptions carry control characters, as they were once pasted from documents. */
const description = ({ title, revision }: Posting, chance: Random): string =>
  [`${title}.`, chance.pick(tasks), chance.pick(tasks), `Revision ${revision}.`].join(
    chance.pick(['\u000b', '\r\n\t', ' \u0001', '\u0085 ']),
  );

/** Flags come as numbers or as booleans. */
const flag = (value: boolean, chance: Random): number | boolean => (chance.chance(0.5) ? value : Number(value));

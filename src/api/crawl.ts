import { z } from 'zod';
import { duration, whole } from './units.ts';
import { matching, text, texts } from './words.ts';

const follow = z.strictObject({
  in: text(1024).describe('Glob over the path of the page the links are on.'),
  links: text(1024).describe('`<CSS selector>@<attribute>` of the links.'),
  as: z.enum(['Item', 'List']).describe('What the links lead to: an item, or a page with more links.'),
});

const permission = z.strictObject({
  grantedBy: text(256).describe('Who allowed it.'),
  reference: text(1024).describe('Where that is written.'),
  date: matching(/^[0-9]{4}-[0-9]{2}-[0-9]{2}$/, 'a day, such as 2026-01-01', 10).describe('When it was allowed.'),
});

export const crawlExtract = z.strictObject({
  start: texts(1000, 2048).min(1).describe('Addresses to start from. May hold templates.'),
  hosts: texts(100, 253).min(1).describe('Hosts that may be asked; nothing else ever is.'),
  userAgent: text(256).describe('Who asks, with an address for complaints. Its first word is looked up in robots.txt.'),
  follow: z
    .array(follow)
    .max(100)
    .default([])
    .describe('Links to follow; the first rule whose `in` matches the path of the page.'),
  canonical: z
    .strictObject({ dropParams: texts(100).default([]).describe('Query parameters to leave out, as globs.') })
    .exactOptional()
    .describe('What makes two addresses the same page.'),
  maxDepth: whole(0, 100).default(5).describe('Links from a start page to the deepest page.'),
  maxPages: whole(1, 10_000_000).default(20_000).describe('Pages after which the crawl stops.'),
  revisit: duration.default('24h').describe('A page is asked again after this long.'),
  softNotFound: texts(100).default([]).describe('Texts that mean "not found" whatever the status says.'),
  permission: permission.exactOptional().describe('Written permission, for hosts that allow no robots without it.'),
});
export type CrawlExtract = z.output<typeof crawlExtract>;

import { z } from 'zod';
import { crawlExtract } from './crawl.ts';
import { filesExtract } from './files.ts';
import { restExtract } from './rest.ts';
import { exactlyOne, withRules } from './rules.ts';
import { streamExtract } from './stream.ts';
import { duration, instant, whole } from './units.ts';
import { dnsLabel, text } from './words.ts';

const rate = z.strictObject({
  requests: whole(1, 1_000_000).describe('Requests …'),
  per: duration.describe('… in this long.'),
});

const limits = z.strictObject({
  key: dnsLabel()
    .exactOptional()
    .describe('Datasets with the same key share one limit. Default: the host of the address.'),
  rate: rate.exactOptional().describe('Requests in a period, over all workers.'),
  concurrency: whole(1, 1000).default(2).describe('Requests at the same time, over all workers.'),
});
export type Limits = z.output<typeof limits>;

const retry = z.strictObject({
  attempts: whole(1, 100).default(5).describe('Attempts before a step has failed.'),
  delay: duration.default('1s').describe('Wait before the second attempt; it doubles from there.'),
  maxDelay: duration.default('5m').describe('The longest wait between two attempts.'),
});
export type Retry = z.output<typeof retry>;

const credits = z.strictObject({
  perRequest: whole(0, 1_000_000).default(1).describe('What one request costs.'),
  remaining: z
    .strictObject({ header: text(128).describe('Name of the header.') })
    .exactOptional()
    .describe('Where a response says what is left.'),
  budget: whole(0, 1_000_000_000).describe('What may be spent in a period; the rest is deferred to the next run.'),
  period: duration.default('24h').describe('The period of the budget.'),
});

const window = z.strictObject({
  start: instant.describe('The source is asked about everything since then.'),
  every: duration.describe('Length of a slice; borders lie on the calendar of timeZone.'),
  lookback: whole(0, 1000).default(0).describe('Slices: one that ended less than this ago is asked for again.'),
  maxSpan: duration.exactOptional().describe('Neighbouring slices are asked for together, up to this long.'),
  maxSlicesPerRun: whole(1, 100_000)
    .default(100)
    .describe(
      'Spans that one run plans at most, newest first; a run about a period plans so many at a time, to its end.',
    ),
});

export const extract = withRules(
  z
    .strictObject({
      timeout: duration.default('10m').describe('Time for one step.'),
      limits: limits.exactOptional().describe('How gently to treat the source.'),
      retry: retry.prefault({}).describe('How to try again.'),
      credits: credits.exactOptional().describe('A source that is paid by the request.'),
      window: window
        .exactOptional()
        .describe('A source that can be asked about a period; missing periods are planned.'),
      rest: restExtract.exactOptional(),
      files: filesExtract.exactOptional(),
      stream: streamExtract.exactOptional().describe('A topic of records.'),
      crawl: crawlExtract.exactOptional().describe('Pages of a web site.'),
    })
    .describe('How to get bytes. One of rest, files, stream, crawl.'),
  exactlyOne('rest', 'files', 'stream', 'crawl'),
);
export type Extract = z.output<typeof extract>;

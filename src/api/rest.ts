import { z } from 'zod';
import { exactlyOne, needs, withRules } from './rules.ts';
import { whole } from './units.ts';
import { datasetRef, freeJson, matching, text, textMap, texts, uniqueBy, valueFrom } from './words.ts';

const located = z.strictObject({
  path: text().exactOptional().describe('JSONPath into the body of the response.'),
  header: text(128).exactOptional().describe('Name of a header of the response.'),
});

/** A value of a response: in its body or in a header. */
const inResponse = (description: string) => withRules(located.describe(description), exactlyOne('path', 'header'));

const headerName = matching(/^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/, 'the name of a header', 128);

const header = withRules(
  z
    .strictObject({
      name: headerName.describe('Name of the header.'),
      value: text().exactOptional().describe('The value, when it is no secret. Templates are not allowed here.'),
      valueFrom: valueFrom.exactOptional().describe('Where the value is, when it is a secret.'),
    })
    .describe('A header of every request.'),
  exactlyOne('value', 'valueFrom'),
);

const queryParam = text(128);

const pageNumber = z.strictObject({
  param: queryParam.describe('Query parameter that holds the number of the page.'),
  first: whole(0, 1).default(1).describe('Number of the first page.'),
  sizeParam: queryParam.exactOptional().describe('Query parameter that holds the number of records in a page.'),
  size: whole(1, 100_000).exactOptional().describe('Records to ask for in a page.'),
});

const offset = z.strictObject({
  param: queryParam.describe('Query parameter that holds the number of records to leave out.'),
  sizeParam: queryParam.exactOptional().describe('Query parameter that holds the number of records in a page.'),
  size: whole(1, 100_000).describe('Records to ask for in a page.'),
});

const cursor = withRules(
  z
    .strictObject({
      param: queryParam.exactOptional().describe('Query parameter that holds the cursor.'),
      header: headerName.exactOptional().describe('Header of the request that holds the cursor.'),
      field: matching(/^[^.{}]+(\.[^.{}]+)*$/, 'names with dots between them', 128)
        .exactOptional()
        .describe(
          'Field of the JSON body that holds the cursor; dots lead into objects. It keeps the type it came with.',
        ),
      next: inResponse('Where a response holds the cursor of the next page; absent, empty or null on the last.'),
    })
    .describe('Each page names a cursor for the next.'),
  exactlyOne('param', 'header', 'field'),
);

const link = z.strictObject({
  rel: text(64).default('next').describe('Relation of the Link header (RFC 8288) that leads to the next page.'),
});

const paging = withRules(
  z
    .strictObject({
      page: withRules(pageNumber.describe('Pages are numbered.'), needs('size', 'sizeParam')).exactOptional(),
      offset: offset.exactOptional().describe('Pages start at a record number.'),
      cursor: cursor.exactOptional(),
      link: link.exactOptional().describe('Each page links to the next in its Link header.'),
      next: inResponse('Each page holds the address of the next; it must be on the same host.').exactOptional(),
      total: inResponse(
        'Where a response says how many records there are: proves that nothing is missing.',
      ).exactOptional(),
      maxPages: whole(1, 1_000_000).default(1000).describe('Pages after which a source counts as endless: an error.'),
    })
    .describe('How to get from one page to the next. Without it there is one request.'),
  exactlyOne('page', 'offset', 'cursor', 'link', 'next'),
);
export type RestPaging = z.output<typeof paging>;

const splitBy = z.strictObject({
  param: queryParam.describe('Query parameter that splits the answer.'),
  values: texts(1000).min(1).describe('Its values; together they must cover everything.'),
});

const resultCap = withRules(
  z
    .strictObject({
      at: whole(1, 1_000_000_000).describe('Number of records after which the source falls silent.'),
      action: z
        .enum(['Fail', 'Warn', 'Split'])
        .default('Fail')
        .describe('What to do when the cap is reached: stop, go on with an incomplete slice, or ask in parts.'),
      splitBy: splitBy.exactOptional().describe('How to ask in parts.'),
    })
    .describe('A source that never gives more than so many records to one query.'),
  {
    holds: (cap) => (cap.action === 'Split') === (cap.splitBy !== undefined),
    cel: "(has(self.action) && self.action == 'Split') == has(self.splitBy)",
    message: 'action Split needs splitBy, and only Split may have it',
    fix: 'Add splitBy for Split, leave it out otherwise.',
  },
);

const responseRule = z.strictObject({
  status: whole(100, 599).describe('HTTP status.'),
  action: z
    .enum(['Skip', 'Retry', 'Throttle', 'Fail'])
    .describe('Skip counts the item as gone; Retry spends an attempt; Throttle waits; Fail stops the step.'),
});

const forEach = z.strictObject({
  dataset: datasetRef.describe('Dataset of this pipeline whose rows are the items; `item.<column>` in templates.'),
  skip: z
    .enum(['Known', 'None'])
    .default('Known')
    .describe('Known: items that were fetched or found gone before are not asked for again.'),
  chunk: whole(1, 10_000).default(50).describe('Items in one step: as many as are collected in about a minute.'),
});

const oauth2 = z.strictObject({
  tokenUrl: matching(/^https?:\/\//, 'an address that starts with http:// or https://', 2048).describe(
    'Where to ask for a token.',
  ),
  clientId: text(256).describe('Client id.'),
  clientSecretFrom: valueFrom.describe('Client secret.'),
  clientAuth: z
    .enum(['Basic', 'Post'])
    .default('Basic')
    .describe('How the client proves itself: Basic in the Authorization header, Post in the form.'),
  scope: text().exactOptional().describe('Scope to ask for.'),
});

const basic = z.strictObject({
  usernameFrom: valueFrom.describe('User name.'),
  passwordFrom: valueFrom.describe('Password.'),
});

const auth = withRules(
  z
    .strictObject({
      bearer: z
        .strictObject({ tokenFrom: valueFrom.describe('The token.') })
        .exactOptional()
        .describe('A fixed token in the Authorization header.'),
      basic: basic.exactOptional().describe('User name and password.'),
      oauth2: oauth2.exactOptional().describe('Client credentials grant; tokens are renewed before they end.'),
    })
    .describe('How requests prove who they are, where a header is not enough.'),
  exactlyOne('bearer', 'basic', 'oauth2'),
);
export type RestAuth = z.output<typeof auth>;

export const restExtract = withRules(
  z
    .strictObject({
      method: z.enum(['GET', 'POST']).default('GET').describe('HTTP method.'),
      baseUrl: matching(
        /^https?:\/\/[^ \t\r\n/?#{}]+(\/[^ \t\r\n?#{}]*)?$/,
        'scheme and host, perhaps with a path: https://host or https://host/path',
        2048,
      ).describe('Scheme and host, perhaps with a path. Templates are not allowed here.'),
      path: z.string().max(2048).default('').describe('Path after baseUrl. May hold templates.'),
      headers: uniqueBy(header, 32, 'name').default([]).describe('Headers of every request.'),
      query: textMap(64, z.string().max(4096)).default({}).describe('Query parameters. Values may hold templates.'),
      body: freeJson.exactOptional().describe('JSON body of a POST. Its strings may hold templates.'),
      paging: paging.exactOptional(),
      resultCap: resultCap.exactOptional(),
      responses: uniqueBy(responseRule, 32, 'status')
        .default([])
        .describe(
          'What a status means here, where it differs from the usual. Usually 2xx is an answer; 429, and 503 with Retry-After, wait without spending an attempt: as long as Retry-After asks, else 1 s and twice as long each time; 408, 425 and other 5xx are tried again; 401 renews an OAuth2 token once; anything else stops the step, 402 with the advice to pay; but where extract.credits is declared, a 402 that is to Fail leaves the rest to the next run, as a spent budget does.',
        ),
      forEach: forEach.exactOptional().describe('One request for each row of another dataset.'),
      auth: auth.exactOptional(),
    })
    .describe('An HTTP API.'),
  {
    holds: ({ method, body }) => body === undefined || method === 'POST',
    cel: "!has(self.body) || self.method == 'POST'",
    message: 'body needs method POST',
    fix: 'Write method: POST, or use query instead of body.',
  },
  {
    holds: ({ method, paging }) => paging?.cursor?.field === undefined || method === 'POST',
    cel: "!has(self.paging) || !has(self.paging.cursor) || !has(self.paging.cursor.field) || self.method == 'POST'",
    message: 'paging.cursor.field needs method POST',
    fix: 'Write method: POST, or send the cursor as param or header.',
  },
  {
    holds: ({ paging, resultCap }) => resultCap?.splitBy === undefined || paging?.total !== undefined,
    cel: '!has(self.resultCap) || !has(self.resultCap.splitBy) || (has(self.paging) && has(self.paging.total))',
    message: 'resultCap.splitBy needs paging.total, which tells on the first page that the rest would be cut off',
    fix: 'Add paging.total.',
  },
);
export type RestExtract = z.output<typeof restExtract>;

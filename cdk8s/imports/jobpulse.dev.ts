/** Made by `npm run generate` from what it describes; a change made here is lost. */

/** What is wanted. */
export interface PipelineManifestSpec {
  /** What the pipeline is for. */
  readonly description?: string;
  /** Values that extract can use and a run can override. */
  readonly params?: readonly PipelineManifestSpecParams[];
  /** When to run: five cron fields or @hourly, @daily, … Default: never. */
  readonly schedule?: string;
  /** IANA time zone of the schedule, of slices and of transfer dates. Default: `UTC`. */
  readonly timeZone?: string;
  /** Whether the schedule rests. Default: `false`. */
  readonly suspend?: boolean;
  /** Which missed ticks are made up for after a pause of the controller. Default: `Last`. */
  readonly missedRunPolicy?: 'None' | 'Last' | 'All';
  /** What a tick does while a run is going on. Default: `Forbid`. */
  readonly concurrencyPolicy?: 'Allow' | 'Forbid' | 'Replace';
  /** Pipelines of the same namespace: when all of them have a new successful run, this one runs. */
  readonly after?: readonly string[];
  /** How many runs of the schedule or of `after` that succeeded stay. The newest always does. Default: `3`. */
  readonly successfulRunsHistoryLimit?: number;
  /** How many runs of the schedule or of `after` that did not succeed stay. The newest always does. Default: `1`. */
  readonly failedRunsHistoryLimit?: number;
  /** How old the newest data may be. */
  readonly freshness?: string;
  /** What is extracted, cleaned and loaded; each on its own. */
  readonly datasets: readonly PipelineManifestSpecDatasets[];
  /** What is made from the datasets. */
  readonly transform?: PipelineManifestSpecTransform;
  /** Vocabularies for SQL functions, versioned with the data. */
  readonly taxonomies?: readonly PipelineManifestSpecTaxonomies[];
  /** Counters that follow a stream at once. */
  readonly live?: PipelineManifestSpecLive;
  /** How personal data is protected. */
  readonly privacy?: PipelineManifestSpecPrivacy;
  /** How long things are kept. */
  readonly retention?: PipelineManifestSpecRetention;
  /** How many workers do it, with what. */
  readonly workers?: PipelineManifestSpecWorkers;
  /** Who is told when something goes wrong. */
  readonly alerts?: readonly PipelineManifestSpecAlerts[];
  /** Where files are. Default: the installation's. */
  readonly lake?: PipelineManifestSpecLake;
  /** Where tables are. Default: the installation's. */
  readonly warehouse?: PipelineManifestSpecWarehouse;
  /** The queue's server. Default: the installation's. */
  readonly queue?: PipelineManifestSpecQueue;
}

export interface PipelineManifestSpecParams {
  /** Name; `{{ params.<name> }}` in templates. */
  readonly name: string;
  /** What a value must look like. Default: `String`. */
  readonly type?: 'String' | 'Integer' | 'Number' | 'Boolean' | 'Date';
  /** The value, as text, when a run gives none. */
  readonly default?: string;
  /** What it is for. */
  readonly description?: string;
}

export interface PipelineManifestSpecDatasets {
  /** Name of the dataset and of its table. */
  readonly name: string;
  /** Other names people know it by. */
  readonly aliases?: readonly string[];
  /** What a row is; becomes the comment of the table. */
  readonly description?: string;
  /** Columns that identify a row: dedupe, merge and live counts use them. */
  readonly key: readonly string[];
  /** Column that orders the versions of a row. Default: when the source was asked. */
  readonly version?: string;
  /** How to get bytes. One of rest, files, stream, crawl. */
  readonly extract: PipelineManifestSpecDatasetsExtract;
  /** How bytes become records. One of json, jsonl, csv, excel, parquet, html. */
  readonly format: PipelineManifestSpecDatasetsFormat;
  /** How records become typed rows. */
  readonly clean: PipelineManifestSpecDatasetsClean;
  /** How rows become a table. */
  readonly load?: PipelineManifestSpecDatasetsLoad;
}

/** How to get bytes. One of rest, files, stream, crawl. */
export interface PipelineManifestSpecDatasetsExtract {
  /** Time for one step. Default: `10m`. */
  readonly timeout?: string;
  /** How gently to treat the source. */
  readonly limits?: PipelineManifestSpecDatasetsExtractLimits;
  /** How to try again. */
  readonly retry?: PipelineManifestSpecDatasetsExtractRetry;
  /** A source that is paid by the request. */
  readonly credits?: PipelineManifestSpecDatasetsExtractCredits;
  /** A source that can be asked about a period; missing periods are planned. */
  readonly window?: PipelineManifestSpecDatasetsExtractWindow;
  /** An HTTP API. */
  readonly rest?: PipelineManifestSpecDatasetsExtractRest;
  /** Whole files. */
  readonly files?: PipelineManifestSpecDatasetsExtractFiles;
  /** A topic of records. */
  readonly stream?: PipelineManifestSpecDatasetsExtractStream;
  /** Pages of a web site. */
  readonly crawl?: PipelineManifestSpecDatasetsExtractCrawl;
}

/** How gently to treat the source. */
export interface PipelineManifestSpecDatasetsExtractLimits {
  /** Datasets with the same key share one limit. Default: the host of the address. */
  readonly key?: string;
  /** Requests in a period, over all workers. */
  readonly rate?: PipelineManifestSpecDatasetsExtractLimitsRate;
  /** Requests at the same time, over all workers. Default: `2`. */
  readonly concurrency?: number;
}

/** Requests in a period, over all workers. */
export interface PipelineManifestSpecDatasetsExtractLimitsRate {
  /** Requests … */
  readonly requests: number;
  /** … in this long. */
  readonly per: string;
}

/** How to try again. */
export interface PipelineManifestSpecDatasetsExtractRetry {
  /** Attempts before a step has failed. Default: `5`. */
  readonly attempts?: number;
  /** Wait before the second attempt; it doubles from there. Default: `1s`. */
  readonly delay?: string;
  /** The longest wait between two attempts. Default: `5m`. */
  readonly maxDelay?: string;
}

/** A source that is paid by the request. */
export interface PipelineManifestSpecDatasetsExtractCredits {
  /** What one request costs. Default: `1`. */
  readonly perRequest?: number;
  /** Where a response says what is left. */
  readonly remaining?: PipelineManifestSpecDatasetsExtractCreditsRemaining;
  /** What may be spent in a period; the rest is deferred to the next run. */
  readonly budget: number;
  /** The period of the budget. Default: `24h`. */
  readonly period?: string;
}

/** Where a response says what is left. */
export interface PipelineManifestSpecDatasetsExtractCreditsRemaining {
  /** Name of the header. */
  readonly header: string;
}

/** A source that can be asked about a period; missing periods are planned. */
export interface PipelineManifestSpecDatasetsExtractWindow {
  /** The source is asked about everything since then. */
  readonly start: string;
  /** Length of a slice; borders lie on the calendar of timeZone. */
  readonly every: string;
  /** Slices: one that ended less than this ago is asked for again. Default: `0`. */
  readonly lookback?: number;
  /** Neighbouring slices are asked for together, up to this long. */
  readonly maxSpan?: string;
  /** Spans that one run plans at most, newest first; a run about a period plans so many at a time, to its end. Default: `100`. */
  readonly maxSlicesPerRun?: number;
}

/** An HTTP API. */
export interface PipelineManifestSpecDatasetsExtractRest {
  /** HTTP method. Default: `GET`. */
  readonly method?: 'GET' | 'POST';
  /** Scheme and host, perhaps with a path. Templates are not allowed here. */
  readonly baseUrl: string;
  /** Path after baseUrl. May hold templates. Default: ``. */
  readonly path?: string;
  /** Headers of every request. */
  readonly headers?: readonly PipelineManifestSpecDatasetsExtractRestHeaders[];
  /** Query parameters. Values may hold templates. */
  readonly query?: Readonly<Record<string, string>>;
  /** JSON body of a POST. Its strings may hold templates. */
  readonly body?: Readonly<Record<string, unknown>>;
  /** How to get from one page to the next. Without it there is one request. */
  readonly paging?: PipelineManifestSpecDatasetsExtractRestPaging;
  /** A source that never gives more than so many records to one query. */
  readonly resultCap?: PipelineManifestSpecDatasetsExtractRestResultCap;
  /** What a status means here, where it differs from the usual. Usually 2xx is an answer; 429, and 503 with Retry-After, wait without spending an attempt: as long as Retry-After asks, else 1 s and twice as long each time; 408, 425 and other 5xx are tried again; 401 renews an OAuth2 token once; anything else stops the step, 402 with the advice to pay; but where extract.credits is declared, a 402 that is to Fail leaves the rest to the next run, as a spent budget does. */
  readonly responses?: readonly PipelineManifestSpecDatasetsExtractRestResponses[];
  /** One request for each row of another dataset. */
  readonly forEach?: PipelineManifestSpecDatasetsExtractRestForEach;
  /** How requests prove who they are, where a header is not enough. */
  readonly auth?: PipelineManifestSpecDatasetsExtractRestAuth;
}

/** A header of every request. */
export interface PipelineManifestSpecDatasetsExtractRestHeaders {
  /** Name of the header. */
  readonly name: string;
  /** The value, when it is no secret. Templates are not allowed here. */
  readonly value?: string;
  /** Where the value is, when it is a secret. */
  readonly valueFrom?: PipelineManifestSpecDatasetsExtractRestHeadersValueFrom;
}

/** Where the value is, when it is a secret. */
export interface PipelineManifestSpecDatasetsExtractRestHeadersValueFrom {
  /** A key of a Secret. */
  readonly secretKeyRef: PipelineManifestSpecDatasetsExtractRestHeadersValueFromSecretKeyRef;
}

/** A key of a Secret. */
export interface PipelineManifestSpecDatasetsExtractRestHeadersValueFromSecretKeyRef {
  /** Name of the Secret. */
  readonly name: string;
  /** Key within the Secret. */
  readonly key: string;
  /** Whether the Secret or its key may be absent. */
  readonly optional?: boolean;
}

/** How to get from one page to the next. Without it there is one request. */
export interface PipelineManifestSpecDatasetsExtractRestPaging {
  /** Pages are numbered. */
  readonly page?: PipelineManifestSpecDatasetsExtractRestPagingPage;
  /** Pages start at a record number. */
  readonly offset?: PipelineManifestSpecDatasetsExtractRestPagingOffset;
  /** Each page names a cursor for the next. */
  readonly cursor?: PipelineManifestSpecDatasetsExtractRestPagingCursor;
  /** Each page links to the next in its Link header. */
  readonly link?: PipelineManifestSpecDatasetsExtractRestPagingLink;
  /** Each page holds the address of the next; it must be on the same host. */
  readonly next?: PipelineManifestSpecDatasetsExtractRestPagingNext;
  /** Where a response says how many records there are: proves that nothing is missing. */
  readonly total?: PipelineManifestSpecDatasetsExtractRestPagingTotal;
  /** Pages after which a source counts as endless: an error. Default: `1000`. */
  readonly maxPages?: number;
}

/** Pages are numbered. */
export interface PipelineManifestSpecDatasetsExtractRestPagingPage {
  /** Query parameter that holds the number of the page. */
  readonly param: string;
  /** Number of the first page. Default: `1`. */
  readonly first?: number;
  /** Query parameter that holds the number of records in a page. */
  readonly sizeParam?: string;
  /** Records to ask for in a page. */
  readonly size?: number;
}

/** Pages start at a record number. */
export interface PipelineManifestSpecDatasetsExtractRestPagingOffset {
  /** Query parameter that holds the number of records to leave out. */
  readonly param: string;
  /** Query parameter that holds the number of records in a page. */
  readonly sizeParam?: string;
  /** Records to ask for in a page. */
  readonly size: number;
}

/** Each page names a cursor for the next. */
export interface PipelineManifestSpecDatasetsExtractRestPagingCursor {
  /** Query parameter that holds the cursor. */
  readonly param?: string;
  /** Header of the request that holds the cursor. */
  readonly header?: string;
  /** Field of the JSON body that holds the cursor; dots lead into objects. It keeps the type it came with. */
  readonly field?: string;
  /** Where a response holds the cursor of the next page; absent, empty or null on the last. */
  readonly next: PipelineManifestSpecDatasetsExtractRestPagingCursorNext;
}

/** Where a response holds the cursor of the next page; absent, empty or null on the last. */
export interface PipelineManifestSpecDatasetsExtractRestPagingCursorNext {
  /** JSONPath into the body of the response. */
  readonly path?: string;
  /** Name of a header of the response. */
  readonly header?: string;
}

/** Each page links to the next in its Link header. */
export interface PipelineManifestSpecDatasetsExtractRestPagingLink {
  /** Relation of the Link header (RFC 8288) that leads to the next page. Default: `next`. */
  readonly rel?: string;
}

/** Each page holds the address of the next; it must be on the same host. */
export interface PipelineManifestSpecDatasetsExtractRestPagingNext {
  /** JSONPath into the body of the response. */
  readonly path?: string;
  /** Name of a header of the response. */
  readonly header?: string;
}

/** Where a response says how many records there are: proves that nothing is missing. */
export interface PipelineManifestSpecDatasetsExtractRestPagingTotal {
  /** JSONPath into the body of the response. */
  readonly path?: string;
  /** Name of a header of the response. */
  readonly header?: string;
}

/** A source that never gives more than so many records to one query. */
export interface PipelineManifestSpecDatasetsExtractRestResultCap {
  /** Number of records after which the source falls silent. */
  readonly at: number;
  /** What to do when the cap is reached: stop, go on with an incomplete slice, or ask in parts. Default: `Fail`. */
  readonly action?: 'Fail' | 'Warn' | 'Split';
  /** How to ask in parts. */
  readonly splitBy?: PipelineManifestSpecDatasetsExtractRestResultCapSplitBy;
}

/** How to ask in parts. */
export interface PipelineManifestSpecDatasetsExtractRestResultCapSplitBy {
  /** Query parameter that splits the answer. */
  readonly param: string;
  /** Its values; together they must cover everything. */
  readonly values: readonly string[];
}

export interface PipelineManifestSpecDatasetsExtractRestResponses {
  /** HTTP status. */
  readonly status: number;
  /** Skip counts the item as gone; Retry spends an attempt; Throttle waits; Fail stops the step. */
  readonly action: 'Skip' | 'Retry' | 'Throttle' | 'Fail';
}

/** One request for each row of another dataset. */
export interface PipelineManifestSpecDatasetsExtractRestForEach {
  /** Dataset of this pipeline whose rows are the items; `item.<column>` in templates. */
  readonly dataset: string;
  /** Known: items that were fetched or found gone before are not asked for again. Default: `Known`. */
  readonly skip?: 'Known' | 'None';
  /** Items in one step: as many as are collected in about a minute. Default: `50`. */
  readonly chunk?: number;
}

/** How requests prove who they are, where a header is not enough. */
export interface PipelineManifestSpecDatasetsExtractRestAuth {
  /** A fixed token in the Authorization header. */
  readonly bearer?: PipelineManifestSpecDatasetsExtractRestAuthBearer;
  /** User name and password. */
  readonly basic?: PipelineManifestSpecDatasetsExtractRestAuthBasic;
  /** Client credentials grant; tokens are renewed before they end. */
  readonly oauth2?: PipelineManifestSpecDatasetsExtractRestAuthOauth2;
}

/** A fixed token in the Authorization header. */
export interface PipelineManifestSpecDatasetsExtractRestAuthBearer {
  /** The token. */
  readonly tokenFrom: PipelineManifestSpecDatasetsExtractRestAuthBearerTokenFrom;
}

/** The token. */
export interface PipelineManifestSpecDatasetsExtractRestAuthBearerTokenFrom {
  /** A key of a Secret. */
  readonly secretKeyRef: PipelineManifestSpecDatasetsExtractRestAuthBearerTokenFromSecretKeyRef;
}

/** A key of a Secret. */
export interface PipelineManifestSpecDatasetsExtractRestAuthBearerTokenFromSecretKeyRef {
  /** Name of the Secret. */
  readonly name: string;
  /** Key within the Secret. */
  readonly key: string;
  /** Whether the Secret or its key may be absent. */
  readonly optional?: boolean;
}

/** User name and password. */
export interface PipelineManifestSpecDatasetsExtractRestAuthBasic {
  /** User name. */
  readonly usernameFrom: PipelineManifestSpecDatasetsExtractRestAuthBasicUsernameFrom;
  /** Password. */
  readonly passwordFrom: PipelineManifestSpecDatasetsExtractRestAuthBasicPasswordFrom;
}

/** User name. */
export interface PipelineManifestSpecDatasetsExtractRestAuthBasicUsernameFrom {
  /** A key of a Secret. */
  readonly secretKeyRef: PipelineManifestSpecDatasetsExtractRestAuthBasicUsernameFromSecretKeyRef;
}

/** A key of a Secret. */
export interface PipelineManifestSpecDatasetsExtractRestAuthBasicUsernameFromSecretKeyRef {
  /** Name of the Secret. */
  readonly name: string;
  /** Key within the Secret. */
  readonly key: string;
  /** Whether the Secret or its key may be absent. */
  readonly optional?: boolean;
}

/** Password. */
export interface PipelineManifestSpecDatasetsExtractRestAuthBasicPasswordFrom {
  /** A key of a Secret. */
  readonly secretKeyRef: PipelineManifestSpecDatasetsExtractRestAuthBasicPasswordFromSecretKeyRef;
}

/** A key of a Secret. */
export interface PipelineManifestSpecDatasetsExtractRestAuthBasicPasswordFromSecretKeyRef {
  /** Name of the Secret. */
  readonly name: string;
  /** Key within the Secret. */
  readonly key: string;
  /** Whether the Secret or its key may be absent. */
  readonly optional?: boolean;
}

/** Client credentials grant; tokens are renewed before they end. */
export interface PipelineManifestSpecDatasetsExtractRestAuthOauth2 {
  /** Where to ask for a token. */
  readonly tokenUrl: string;
  /** Client id. */
  readonly clientId: string;
  /** Client secret. */
  readonly clientSecretFrom: PipelineManifestSpecDatasetsExtractRestAuthOauth2ClientSecretFrom;
  /** How the client proves itself: Basic in the Authorization header, Post in the form. Default: `Basic`. */
  readonly clientAuth?: 'Basic' | 'Post';
  /** Scope to ask for. */
  readonly scope?: string;
}

/** Client secret. */
export interface PipelineManifestSpecDatasetsExtractRestAuthOauth2ClientSecretFrom {
  /** A key of a Secret. */
  readonly secretKeyRef: PipelineManifestSpecDatasetsExtractRestAuthOauth2ClientSecretFromSecretKeyRef;
}

/** A key of a Secret. */
export interface PipelineManifestSpecDatasetsExtractRestAuthOauth2ClientSecretFromSecretKeyRef {
  /** Name of the Secret. */
  readonly name: string;
  /** Key within the Secret. */
  readonly key: string;
  /** Whether the Secret or its key may be absent. */
  readonly optional?: boolean;
}

/** Whole files. */
export interface PipelineManifestSpecDatasetsExtractFiles {
  /** Files, as globs, relative to the folder of the manifest. May hold templates. */
  readonly paths?: readonly string[];
  /** Files behind addresses. */
  readonly http?: PipelineManifestSpecDatasetsExtractFilesHttp;
  /** A file in a SharePoint site. */
  readonly sharepoint?: PipelineManifestSpecDatasetsExtractFilesSharepoint;
}

/** Files behind addresses. */
export interface PipelineManifestSpecDatasetsExtractFilesHttp {
  /** Addresses of the files. */
  readonly urls: readonly string[];
}

/** A file in a SharePoint site. */
export interface PipelineManifestSpecDatasetsExtractFilesSharepoint {
  /** `<host>:/sites/<name>`. */
  readonly site: string;
  /** Path of the file in the drive of the site. */
  readonly path: string;
  /** The application that may read the site. */
  readonly auth: PipelineManifestSpecDatasetsExtractFilesSharepointAuth;
}

/** The application that may read the site. */
export interface PipelineManifestSpecDatasetsExtractFilesSharepointAuth {
  /** Directory of the application. */
  readonly tenantId: string;
  /** The application. */
  readonly clientId: string;
  /** Its secret. */
  readonly clientSecretFrom: PipelineManifestSpecDatasetsExtractFilesSharepointAuthClientSecretFrom;
}

/** Its secret. */
export interface PipelineManifestSpecDatasetsExtractFilesSharepointAuthClientSecretFrom {
  /** A key of a Secret. */
  readonly secretKeyRef: PipelineManifestSpecDatasetsExtractFilesSharepointAuthClientSecretFromSecretKeyRef;
}

/** A key of a Secret. */
export interface PipelineManifestSpecDatasetsExtractFilesSharepointAuthClientSecretFromSecretKeyRef {
  /** Name of the Secret. */
  readonly name: string;
  /** Key within the Secret. */
  readonly key: string;
  /** Whether the Secret or its key may be absent. */
  readonly optional?: boolean;
}

/** A topic of records. */
export interface PipelineManifestSpecDatasetsExtractStream {
  /** Topic to read. */
  readonly topic: string;
  /** Consumer group. Default: `<namespace>.<pipeline>`. */
  readonly group?: string;
  /** Where a new group starts: Earliest, Latest or a moment in UTC. Default: `Earliest`. */
  readonly start?: string;
  /** The brokers. Default: the installation's stream. */
  readonly kafka?: PipelineManifestSpecDatasetsExtractStreamKafka;
  /** How often records become a slice. */
  readonly flush?: PipelineManifestSpecDatasetsExtractStreamFlush;
  /** Event times further ahead of the broker’s clock go to quarantine. Default: `5m`. */
  readonly maxFuture?: string;
}

/** The brokers. Default: the installation's stream. */
export interface PipelineManifestSpecDatasetsExtractStreamKafka {
  /** `host:port` of some brokers. */
  readonly brokers: readonly string[];
  /** Speak TLS. */
  readonly tls?: PipelineManifestSpecDatasetsExtractStreamKafkaTls;
  /** Log in. */
  readonly sasl?: PipelineManifestSpecDatasetsExtractStreamKafkaSasl;
}

/** Speak TLS. */
export interface PipelineManifestSpecDatasetsExtractStreamKafkaTls {
  /** Certificate authority of the brokers, in PEM. */
  readonly caFrom?: PipelineManifestSpecDatasetsExtractStreamKafkaTlsCaFrom;
}

/** Certificate authority of the brokers, in PEM. */
export interface PipelineManifestSpecDatasetsExtractStreamKafkaTlsCaFrom {
  /** A key of a Secret. */
  readonly secretKeyRef: PipelineManifestSpecDatasetsExtractStreamKafkaTlsCaFromSecretKeyRef;
}

/** A key of a Secret. */
export interface PipelineManifestSpecDatasetsExtractStreamKafkaTlsCaFromSecretKeyRef {
  /** Name of the Secret. */
  readonly name: string;
  /** Key within the Secret. */
  readonly key: string;
  /** Whether the Secret or its key may be absent. */
  readonly optional?: boolean;
}

/** Log in. */
export interface PipelineManifestSpecDatasetsExtractStreamKafkaSasl {
  /** SASL mechanism. */
  readonly mechanism: 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512';
  /** User name. */
  readonly usernameFrom: PipelineManifestSpecDatasetsExtractStreamKafkaSaslUsernameFrom;
  /** Password. */
  readonly passwordFrom: PipelineManifestSpecDatasetsExtractStreamKafkaSaslPasswordFrom;
}

/** User name. */
export interface PipelineManifestSpecDatasetsExtractStreamKafkaSaslUsernameFrom {
  /** A key of a Secret. */
  readonly secretKeyRef: PipelineManifestSpecDatasetsExtractStreamKafkaSaslUsernameFromSecretKeyRef;
}

/** A key of a Secret. */
export interface PipelineManifestSpecDatasetsExtractStreamKafkaSaslUsernameFromSecretKeyRef {
  /** Name of the Secret. */
  readonly name: string;
  /** Key within the Secret. */
  readonly key: string;
  /** Whether the Secret or its key may be absent. */
  readonly optional?: boolean;
}

/** Password. */
export interface PipelineManifestSpecDatasetsExtractStreamKafkaSaslPasswordFrom {
  /** A key of a Secret. */
  readonly secretKeyRef: PipelineManifestSpecDatasetsExtractStreamKafkaSaslPasswordFromSecretKeyRef;
}

/** A key of a Secret. */
export interface PipelineManifestSpecDatasetsExtractStreamKafkaSaslPasswordFromSecretKeyRef {
  /** Name of the Secret. */
  readonly name: string;
  /** Key within the Secret. */
  readonly key: string;
  /** Whether the Secret or its key may be absent. */
  readonly optional?: boolean;
}

/** How often records become a slice. */
export interface PipelineManifestSpecDatasetsExtractStreamFlush {
  /** A slice of a partition ends after this long. Default: `15s`. */
  readonly every?: string;
  /** A slice of a partition ends at this size. Default: `64Mi`. */
  readonly bytes?: string;
}

/** Pages of a web site. */
export interface PipelineManifestSpecDatasetsExtractCrawl {
  /** Addresses to start from. May hold templates. */
  readonly start: readonly string[];
  /** Hosts that may be asked; nothing else ever is. */
  readonly hosts: readonly string[];
  /** Who asks, with an address for complaints. Its first word is looked up in robots.txt. */
  readonly userAgent: string;
  /** Links to follow; the first rule whose `in` matches the path of the page. */
  readonly follow?: readonly PipelineManifestSpecDatasetsExtractCrawlFollow[];
  /** What makes two addresses the same page. */
  readonly canonical?: PipelineManifestSpecDatasetsExtractCrawlCanonical;
  /** Links from a start page to the deepest page. Default: `5`. */
  readonly maxDepth?: number;
  /** Pages after which the crawl stops. Default: `20000`. */
  readonly maxPages?: number;
  /** A page is asked again after this long. Default: `24h`. */
  readonly revisit?: string;
  /** Texts that mean "not found" whatever the status says. */
  readonly softNotFound?: readonly string[];
  /** Written permission, for hosts that allow no robots without it. */
  readonly permission?: PipelineManifestSpecDatasetsExtractCrawlPermission;
}

export interface PipelineManifestSpecDatasetsExtractCrawlFollow {
  /** Glob over the path of the page the links are on. */
  readonly in: string;
  /** `<CSS selector>@<attribute>` of the links. */
  readonly links: string;
  /** What the links lead to: an item, or a page with more links. */
  readonly as: 'Item' | 'List';
}

/** What makes two addresses the same page. */
export interface PipelineManifestSpecDatasetsExtractCrawlCanonical {
  /** Query parameters to leave out, as globs. */
  readonly dropParams?: readonly string[];
}

/** Written permission, for hosts that allow no robots without it. */
export interface PipelineManifestSpecDatasetsExtractCrawlPermission {
  /** Who allowed it. */
  readonly grantedBy: string;
  /** Where that is written. */
  readonly reference: string;
  /** When it was allowed. */
  readonly date: string;
}

/** How bytes become records. One of json, jsonl, csv, excel, parquet, html. */
export interface PipelineManifestSpecDatasetsFormat {
  /** JSON bodies. */
  readonly json?: PipelineManifestSpecDatasetsFormatJson;
  /** One JSON value in each line. */
  readonly jsonl?: Readonly<Record<string, never>>;
  /** Separated values. */
  readonly csv?: PipelineManifestSpecDatasetsFormatCsv;
  /** A sheet of a workbook. */
  readonly excel?: PipelineManifestSpecDatasetsFormatExcel;
  /** Parquet files. */
  readonly parquet?: Readonly<Record<string, never>>;
  /** One record in each page. */
  readonly html?: PipelineManifestSpecDatasetsFormatHtml;
}

/** JSON bodies. */
export interface PipelineManifestSpecDatasetsFormatJson {
  /** JSONPath of the records in one body. */
  readonly records: string;
}

/** Separated values. */
export interface PipelineManifestSpecDatasetsFormatCsv {
  /** What separates two values. Default: `,`. */
  readonly delimiter?: string;
  /** Whether the first line names the columns; else they are column0, … Default: `true`. */
  readonly header?: boolean;
  /** What encloses a value that holds a delimiter. Empty: nothing does. Default: `"`. */
  readonly quote?: string;
  /** How the bytes are to be read. Default: `utf-8`. */
  readonly encoding?: 'utf-8' | 'utf-16' | 'latin-1';
  /** Lines to leave out at the start. Default: `0`. */
  readonly skip?: number;
}

/** A sheet of a workbook. */
export interface PipelineManifestSpecDatasetsFormatExcel {
  /** Name of the sheet, as a glob. */
  readonly sheet: string;
  /** Auto, or the number of the row that holds the headers. Default: `Auto`. */
  readonly header?: 'Auto' | number;
  /** What to do with hidden rows. Default: `Keep`. */
  readonly hiddenRows?: 'Keep' | 'Skip';
}

/** One record in each page. */
export interface PipelineManifestSpecDatasetsFormatHtml {
  /** Which pages hold a record. Default: `Item`. */
  readonly pages?: 'Item' | 'List';
}

/** How records become typed rows. */
export interface PipelineManifestSpecDatasetsClean {
  /** The columns of the table, in order: the contract of the dataset. */
  readonly columns: readonly PipelineManifestSpecDatasetsCleanColumns[];
  /** What a new, lost or retyped column of the source does. Default: `Evolve`. */
  readonly contract?: 'Evolve' | 'Freeze' | 'DiscardRow' | 'DiscardValue';
  /** Texts that mean null, compared trimmed, without case and accents. */
  readonly nulls?: readonly string[];
  /** A SQL condition; other rows are counted as filtered. */
  readonly where?: string;
  /** Which of several rows with the same key stays, within one slice. Default: `Latest`. */
  readonly dedupe?: 'Latest' | 'First' | 'Fail';
  /** Conditions on the cleaned rows. */
  readonly checks?: readonly PipelineManifestSpecDatasetsCleanChecks[];
  /** How the lake’s files are cut. */
  readonly partitionBy?: readonly PipelineManifestSpecDatasetsCleanPartitionBy[];
  /** What a changed rule does: clean everything again from raw, or only what comes. Default: `Rebuild`. */
  readonly onChange?: 'Rebuild' | 'Forward';
  /** How rejected rows are handed to those who can mend them. */
  readonly quarantine?: PipelineManifestSpecDatasetsCleanQuarantine;
}

export interface PipelineManifestSpecDatasetsCleanColumns {
  /** Name of the column. */
  readonly name: string;
  /** Type of the column: string, integer, bigint, double, decimal(p,s), boolean, date, timestamp, json, list<string>, list<integer>, list<double>. An integer has 32 bits, a bigint 64; times are UTC. */
  readonly type: string;
  /** What the column means; becomes its comment. */
  readonly description?: string;
  /** Where the value is in a record: JSONPath, header text, or CSS selector for html. */
  readonly from?: string;
  /** A SQL expression over earlier columns. */
  readonly sql?: string;
  /** A set of values, each with the pattern that puts it into the set. */
  readonly flags?: PipelineManifestSpecDatasetsCleanColumnsFlags;
  /** The name of the range that a number falls into. */
  readonly bands?: PipelineManifestSpecDatasetsCleanColumnsBands;
  /** Keyed hash of these columns, which are then not loaded. */
  readonly pseudonym?: readonly string[];
  /** Other places to look, in order, when `from` is not in the source. */
  readonly aliases?: readonly string[];
  /** What separates the values of a list in one text. */
  readonly split?: string;
  /** How to read the text. */
  readonly parse?: PipelineManifestSpecDatasetsCleanColumnsParse;
  /** Texts and what they become, compared trimmed, without case and accents. Others stay as they are. */
  readonly map?: Readonly<Record<string, string>>;
  /** Case to write the text in. */
  readonly case?: 'Upper' | 'Lower' | 'Title';
  /** Texts that mean null here, instead of those of the dataset. */
  readonly nulls?: readonly string[];
  /** Whether null is an error. Default: `false`. */
  readonly required?: boolean;
  /** The only values allowed. */
  readonly accepted?: readonly string[];
  /** The least value allowed. */
  readonly min?: string;
  /** The greatest value allowed. */
  readonly max?: string;
  /** Regular expression that the text must match. */
  readonly pattern?: string;
  /** What an error does: the row goes to quarantine, the value becomes null, or the step fails. Default: `Reject`. */
  readonly onError?: 'Reject' | 'SetNull' | 'Fail';
  /** What kind of personal data this is. */
  readonly privacy?: 'Identifier' | 'Personal' | 'Special';
}

/** A set of values, each with the pattern that puts it into the set. */
export interface PipelineManifestSpecDatasetsCleanColumnsFlags {
  /** Source columns whose texts are searched. */
  readonly from: readonly string[];
  /** Every value whose pattern is found is in the set. */
  readonly match: readonly PipelineManifestSpecDatasetsCleanColumnsFlagsMatch[];
}

export interface PipelineManifestSpecDatasetsCleanColumnsFlagsMatch {
  /** Value of the set. */
  readonly value: string;
  /** Regular expression, compared without case and accents. */
  readonly pattern: string;
}

/** The name of the range that a number falls into. */
export interface PipelineManifestSpecDatasetsCleanColumnsBands {
  /** The numeric column. */
  readonly of: string;
  /** Where bands meet, ascending; a band holds its lower edge. */
  readonly edges: readonly number[];
  /** Names of the bands: one more than edges. */
  readonly labels: readonly string[];
}

/** How to read the text. */
export interface PipelineManifestSpecDatasetsCleanColumnsParse {
  /** Forms of dates (strftime), tried in order; `serial` is the day number of a spreadsheet. */
  readonly dates?: readonly string[];
  /** Language of month names in dates. */
  readonly language?: string;
  /** What to take out of the text: its first group, or the whole match. */
  readonly regex?: string;
  /** How numbers are written. */
  readonly number?: PipelineManifestSpecDatasetsCleanColumnsParseNumber;
}

/** How numbers are written. */
export interface PipelineManifestSpecDatasetsCleanColumnsParseNumber {
  /** What separates the fraction. Default: `.`. */
  readonly decimal?: string;
  /** What separates thousands. */
  readonly group?: string;
  /** Whether a percent sign may follow the number; it is left out. Default: `false`. */
  readonly percent?: boolean;
}

export interface PipelineManifestSpecDatasetsCleanChecks {
  /** Name of the check. */
  readonly name: string;
  /** A SQL condition over the columns that every row should meet; null passes. */
  readonly sql?: string;
  /** How many rows there must be. */
  readonly rowCount?: PipelineManifestSpecDatasetsCleanChecksRowCount;
  /** Warn tells, Reject sends the rows to quarantine, Fail stops the step. */
  readonly severity: 'Warn' | 'Reject' | 'Fail';
  /** Percent of rows that may fail before anything is said. */
  readonly maxFailPercent?: number;
}

/** How many rows there must be. */
export interface PipelineManifestSpecDatasetsCleanChecksRowCount {
  /** The least number. */
  readonly min?: number;
  /** The greatest number. */
  readonly max?: number;
}

export interface PipelineManifestSpecDatasetsCleanPartitionBy {
  /** Column to cut by. */
  readonly column: string;
  /** For dates and timestamps: the period. */
  readonly unit?: 'Hour' | 'Day' | 'Month' | 'Year';
}

/** How rejected rows are handed to those who can mend them. */
export interface PipelineManifestSpecDatasetsCleanQuarantine {
  /** Language of the comments. Default: `en`. */
  readonly language?: string;
  /** One file for each value of these columns. */
  readonly groupBy?: readonly string[];
}

/** How rows become a table. */
export interface PipelineManifestSpecDatasetsLoad {
  /** Append adds slices, Replace keeps the newest whole snapshot, Merge keeps a row per key, SCD2 keeps its history. Default: `Merge`. */
  readonly mode?: 'Append' | 'Replace' | 'Merge' | 'SCD2';
  /** What becomes of rows that a complete snapshot no longer holds. Mark sets _removed_at. Default: `Ignore`. */
  readonly onMissing?: 'Ignore' | 'Mark' | 'Delete';
  /** When more than this vanish at once, nothing is marked or deleted: the snapshot shrank. Default: `20`. */
  readonly maxMissingPercent?: number;
  /** Boolean column that is true when a record tells that its row is gone: the row gets _removed_at. */
  readonly tombstone?: string;
  /** Columns whose change alone does not make a row modified. */
  readonly ignoreChanges?: readonly string[];
  /** How the warehouse cuts the table. */
  readonly partitionBy?: readonly PipelineManifestSpecDatasetsLoadPartitionBy[];
}

export interface PipelineManifestSpecDatasetsLoadPartitionBy {
  /** Column to cut by. */
  readonly column: string;
  /** For dates and timestamps: the period. */
  readonly unit?: 'Hour' | 'Day' | 'Month' | 'Year';
}

/** What is made from the datasets. */
export interface PipelineManifestSpecTransform {
  /** Where models run. DuckDB: the same SQL whatever the warehouse. Default: `DuckDB`. */
  readonly engine?: 'DuckDB' | 'Warehouse';
  /** Tables and views made from datasets by SQL. */
  readonly models?: readonly PipelineManifestSpecTransformModels[];
}

export interface PipelineManifestSpecTransformModels {
  /** Name of the table or view. */
  readonly name: string;
  /** What the model shows; becomes its comment. */
  readonly description?: string;
  /** View is computed when read, Table is swapped in whole, Incremental changes only what changed. Default: `Table`. */
  readonly materialize?: 'View' | 'Table' | 'Incremental';
  /** Identity of a row, for Incremental. */
  readonly key?: readonly string[];
  /** For Incremental in place of key: columns whose rows of one value are changed together. */
  readonly partitionBy?: readonly string[];
  /** One SELECT (DuckDB) over datasets and other models. Templates are not allowed here. */
  readonly sql: string;
  /** Comments on columns. */
  readonly columns?: readonly PipelineManifestSpecTransformModelsColumns[];
  /** Conditions on the result, before anyone sees it. */
  readonly checks?: readonly PipelineManifestSpecTransformModelsChecks[];
  /** A mart of counts about people. */
  readonly aggregate?: PipelineManifestSpecTransformModelsAggregate;
  /** One SELECT of one line of text, told in the report of a run once the model is published. */
  readonly insight?: string;
}

export interface PipelineManifestSpecTransformModelsColumns {
  /** Name of the column. */
  readonly name: string;
  /** What it means; becomes its comment. */
  readonly description: string;
}

export interface PipelineManifestSpecTransformModelsChecks {
  /** Name of the check. */
  readonly name: string;
  /** No two rows have the same values here. */
  readonly unique?: readonly string[];
  /** None of these is null. */
  readonly notNull?: readonly string[];
  /** Every value is found in another table. */
  readonly relation?: PipelineManifestSpecTransformModelsChecksRelation;
  /** How many rows there must be. */
  readonly rowCount?: PipelineManifestSpecTransformModelsChecksRowCount;
  /** A SQL condition that every row should meet; null passes. */
  readonly sql?: string;
  /** Warn tells; Fail keeps the model as it was. */
  readonly severity: 'Warn' | 'Fail';
}

/** Every value is found in another table. */
export interface PipelineManifestSpecTransformModelsChecksRelation {
  /** Column of the model. */
  readonly column: string;
  /** `<table>.<column>` where each of its values must be found. */
  readonly to: string;
}

/** How many rows there must be. */
export interface PipelineManifestSpecTransformModelsChecksRowCount {
  /** The least number. */
  readonly min?: number;
  /** The greatest number. */
  readonly max?: number;
}

/** A mart of counts about people. */
export interface PipelineManifestSpecTransformModelsAggregate {
  /** Columns that count people: small ones are suppressed by privacy.minCell. */
  readonly counts: readonly string[];
  /** Columns whose totals must not give a suppressed count away. */
  readonly by?: readonly string[];
}

export interface PipelineManifestSpecTaxonomies {
  /** Name; `skills(text, '<name>')` in SQL. */
  readonly name: string;
  /** One that comes with the program. */
  readonly builtin?: string;
  /** One of your own, as CSV. */
  readonly files?: PipelineManifestSpecTaxonomiesFiles;
  /** Where the files hold what. */
  readonly columns?: PipelineManifestSpecTaxonomiesColumns;
}

/** One of your own, as CSV. */
export interface PipelineManifestSpecTaxonomiesFiles {
  /** Files, relative to the folder of the manifest. */
  readonly paths: readonly string[];
}

/** Where the files hold what. */
export interface PipelineManifestSpecTaxonomiesColumns {
  /** Header of the identifier. */
  readonly concept: string;
  /** Header of the name. */
  readonly label: string;
  /** Header of further names, one in each line. */
  readonly aliases?: string;
}

/** Counters that follow a stream at once. */
export interface PipelineManifestSpecLive {
  /** How long a record may wait to be counted. Default: `250ms`. */
  readonly maxDelay?: string;
  /** What is counted. */
  readonly counters: readonly PipelineManifestSpecLiveCounters[];
}

export interface PipelineManifestSpecLiveCounters {
  /** Name of the counter. */
  readonly name: string;
  /** Dataset whose records are counted. */
  readonly dataset: string;
  /** Column of the event time. */
  readonly time: string;
  /** What is counted; every prefix is kept, lists are unnested. */
  readonly by: readonly string[];
  /** Length of a bucket. Default: `1m`. */
  readonly bucket?: string;
  /** How long buckets are kept. Default: `48h`. */
  readonly keep?: string;
  /** Records later than this are counted as late and nowhere else. Default: `2h`. */
  readonly lateness?: string;
  /** Members of a bucket; beyond them the rest is "other". Default: `200000`. */
  readonly maxMembers?: number;
}

/** How personal data is protected. */
export interface PipelineManifestSpecPrivacy {
  /** Key of the keyed hash of `pseudonym` columns. */
  readonly pseudonymKey?: PipelineManifestSpecPrivacyPseudonymKey;
  /** Counts below this are suppressed in models with `aggregate`. Default: `5`. */
  readonly minCell?: number;
}

/** Key of the keyed hash of `pseudonym` columns. */
export interface PipelineManifestSpecPrivacyPseudonymKey {
  /** A key of a Secret. */
  readonly secretKeyRef: PipelineManifestSpecPrivacyPseudonymKeySecretKeyRef;
}

/** A key of a Secret. */
export interface PipelineManifestSpecPrivacyPseudonymKeySecretKeyRef {
  /** Name of the Secret. */
  readonly name: string;
  /** Key within the Secret. */
  readonly key: string;
  /** Whether the Secret or its key may be absent. */
  readonly optional?: boolean;
}

/** How long things are kept. */
export interface PipelineManifestSpecRetention {
  /** How long raw bytes stay. Default: for ever. */
  readonly raw?: string;
  /** How long history in the lake stays. Default: for ever. */
  readonly clean?: string;
  /** How long rejected rows stay. Default: for ever. */
  readonly quarantine?: string;
  /** How long a replaced version of a table stays. Default: `7d`. */
  readonly tables?: string;
}

/** How many workers do it, with what. */
export interface PipelineManifestSpecWorkers {
  /** Workers that ask the sources. */
  readonly extract?: PipelineManifestSpecWorkersExtract;
  /** Workers that plan and clean. */
  readonly clean?: PipelineManifestSpecWorkersClean;
  /** Workers that load and transform; one at most while the warehouse is embedded. */
  readonly warehouse?: PipelineManifestSpecWorkersWarehouse;
}

/** Workers that ask the sources. */
export interface PipelineManifestSpecWorkersExtract {
  /** Who scales: we, or something outside such as an HPA. Default: `Internal`. */
  readonly provider?: 'Internal' | 'External';
  /** Steps of a queue that one worker does at the same time. Default: the installation's. */
  readonly concurrency?: number;
  /** The fewest workers. Default: the installation's. */
  readonly minReplicas?: number;
  /** The most workers. Default: the installation's. */
  readonly maxReplicas?: number;
  /** Resources of one worker. They take the place of the installation's as a whole. */
  readonly resources?: PipelineManifestSpecWorkersExtractResources;
  /** Labels of the nodes that pods may be on. */
  readonly nodeSelector?: Readonly<Record<string, string>>;
  /** Taints of nodes that pods put up with. */
  readonly tolerations?: readonly PipelineManifestSpecWorkersExtractTolerations[];
  /** How important pods are to the scheduler. */
  readonly priorityClassName?: string;
  /** Further labels of its pods; those of ours stay as they are. */
  readonly podLabels?: Readonly<Record<string, string>>;
  /** Further annotations of its pods. */
  readonly podAnnotations?: Readonly<Record<string, string>>;
}

/** Resources of one worker. They take the place of the installation's as a whole. */
export interface PipelineManifestSpecWorkersExtractResources {
  /** What a worker is sure to get. */
  readonly requests?: Readonly<Record<string, string>>;
  /** What a worker can get at most. */
  readonly limits?: Readonly<Record<string, string>>;
}

export interface PipelineManifestSpecWorkersExtractTolerations {
  /** Key of the taint. Default: any. */
  readonly key?: string;
  /** Whether the value counts. Default: `Equal`. */
  readonly operator?: 'Equal' | 'Exists';
  /** Value of the taint. */
  readonly value?: string;
  /** Effect. Default: any. */
  readonly effect?: 'NoSchedule' | 'PreferNoSchedule' | 'NoExecute';
  /** For how long NoExecute is tolerated. */
  readonly tolerationSeconds?: number;
}

/** Workers that plan and clean. */
export interface PipelineManifestSpecWorkersClean {
  /** Who scales: we, or something outside such as an HPA. Default: `Internal`. */
  readonly provider?: 'Internal' | 'External';
  /** Steps of a queue that one worker does at the same time. Default: the installation's. */
  readonly concurrency?: number;
  /** The fewest workers. Default: the installation's. */
  readonly minReplicas?: number;
  /** The most workers. Default: the installation's. */
  readonly maxReplicas?: number;
  /** Resources of one worker. They take the place of the installation's as a whole. */
  readonly resources?: PipelineManifestSpecWorkersCleanResources;
  /** Labels of the nodes that pods may be on. */
  readonly nodeSelector?: Readonly<Record<string, string>>;
  /** Taints of nodes that pods put up with. */
  readonly tolerations?: readonly PipelineManifestSpecWorkersCleanTolerations[];
  /** How important pods are to the scheduler. */
  readonly priorityClassName?: string;
  /** Further labels of its pods; those of ours stay as they are. */
  readonly podLabels?: Readonly<Record<string, string>>;
  /** Further annotations of its pods. */
  readonly podAnnotations?: Readonly<Record<string, string>>;
}

/** Resources of one worker. They take the place of the installation's as a whole. */
export interface PipelineManifestSpecWorkersCleanResources {
  /** What a worker is sure to get. */
  readonly requests?: Readonly<Record<string, string>>;
  /** What a worker can get at most. */
  readonly limits?: Readonly<Record<string, string>>;
}

export interface PipelineManifestSpecWorkersCleanTolerations {
  /** Key of the taint. Default: any. */
  readonly key?: string;
  /** Whether the value counts. Default: `Equal`. */
  readonly operator?: 'Equal' | 'Exists';
  /** Value of the taint. */
  readonly value?: string;
  /** Effect. Default: any. */
  readonly effect?: 'NoSchedule' | 'PreferNoSchedule' | 'NoExecute';
  /** For how long NoExecute is tolerated. */
  readonly tolerationSeconds?: number;
}

/** Workers that load and transform; one at most while the warehouse is embedded. */
export interface PipelineManifestSpecWorkersWarehouse {
  /** Who scales: we, or something outside such as an HPA. Default: `Internal`. */
  readonly provider?: 'Internal' | 'External';
  /** Steps of a queue that one worker does at the same time. Default: the installation's. */
  readonly concurrency?: number;
  /** The fewest workers. Default: the installation's. */
  readonly minReplicas?: number;
  /** The most workers. Default: the installation's. */
  readonly maxReplicas?: number;
  /** Resources of one worker. They take the place of the installation's as a whole. */
  readonly resources?: PipelineManifestSpecWorkersWarehouseResources;
  /** Labels of the nodes that pods may be on. */
  readonly nodeSelector?: Readonly<Record<string, string>>;
  /** Taints of nodes that pods put up with. */
  readonly tolerations?: readonly PipelineManifestSpecWorkersWarehouseTolerations[];
  /** How important pods are to the scheduler. */
  readonly priorityClassName?: string;
  /** Further labels of its pods; those of ours stay as they are. */
  readonly podLabels?: Readonly<Record<string, string>>;
  /** Further annotations of its pods. */
  readonly podAnnotations?: Readonly<Record<string, string>>;
}

/** Resources of one worker. They take the place of the installation's as a whole. */
export interface PipelineManifestSpecWorkersWarehouseResources {
  /** What a worker is sure to get. */
  readonly requests?: Readonly<Record<string, string>>;
  /** What a worker can get at most. */
  readonly limits?: Readonly<Record<string, string>>;
}

export interface PipelineManifestSpecWorkersWarehouseTolerations {
  /** Key of the taint. Default: any. */
  readonly key?: string;
  /** Whether the value counts. Default: `Equal`. */
  readonly operator?: 'Equal' | 'Exists';
  /** Value of the taint. */
  readonly value?: string;
  /** Effect. Default: any. */
  readonly effect?: 'NoSchedule' | 'PreferNoSchedule' | 'NoExecute';
  /** For how long NoExecute is tolerated. */
  readonly tolerationSeconds?: number;
}

export interface PipelineManifestSpecAlerts {
  /** Name of the alert, and of its receiver in what is posted. */
  readonly name: string;
  /** What to tell about. */
  readonly when: readonly ('RunFailed' | 'Stale' | 'BudgetSpent' | 'RejectRate' | 'SchemaDrift' | 'SnapshotShrank' | 'NotConserved')[];
  /** Whom to tell. */
  readonly webhook: PipelineManifestSpecAlertsWebhook;
}

/** Whom to tell. */
export interface PipelineManifestSpecAlertsWebhook {
  /** Address to post to. */
  readonly urlFrom: PipelineManifestSpecAlertsWebhookUrlFrom;
}

/** Address to post to. */
export interface PipelineManifestSpecAlertsWebhookUrlFrom {
  /** A key of a Secret. */
  readonly secretKeyRef: PipelineManifestSpecAlertsWebhookUrlFromSecretKeyRef;
}

/** A key of a Secret. */
export interface PipelineManifestSpecAlertsWebhookUrlFromSecretKeyRef {
  /** Name of the Secret. */
  readonly name: string;
  /** Key within the Secret. */
  readonly key: string;
  /** Whether the Secret or its key may be absent. */
  readonly optional?: boolean;
}

/** Where files are. Default: the installation's. */
export interface PipelineManifestSpecLake {
  /** A folder. */
  readonly filesystem?: PipelineManifestSpecLakeFilesystem;
  /** An S3 bucket. */
  readonly s3?: PipelineManifestSpecLakeS3;
  /** A Google Cloud Storage bucket. */
  readonly gcs?: PipelineManifestSpecLakeGcs;
}

/** A folder. */
export interface PipelineManifestSpecLakeFilesystem {
  /** A folder. */
  readonly path: string;
}

/** An S3 bucket. */
export interface PipelineManifestSpecLakeS3 {
  /** Name of the bucket. */
  readonly bucket: string;
  /** Prefix of all objects. */
  readonly prefix?: string;
}

/** A Google Cloud Storage bucket. */
export interface PipelineManifestSpecLakeGcs {
  /** Name of the bucket. */
  readonly bucket: string;
  /** Prefix of all objects. */
  readonly prefix?: string;
}

/** Where tables are. Default: the installation's. */
export interface PipelineManifestSpecWarehouse {
  /** The embedded warehouse. */
  readonly duckdb?: PipelineManifestSpecWarehouseDuckdb;
  /** BigQuery. */
  readonly bigquery?: PipelineManifestSpecWarehouseBigquery;
  /** Snowflake. */
  readonly snowflake?: PipelineManifestSpecWarehouseSnowflake;
  /** A PostgreSQL server. */
  readonly postgres?: PipelineManifestSpecWarehousePostgres;
  /** MongoDB. */
  readonly mongodb?: PipelineManifestSpecWarehouseMongodb;
}

/** The embedded warehouse. */
export interface PipelineManifestSpecWarehouseDuckdb {
  /** Schema of the tables. Default: the name of the pipeline in snake case. */
  readonly schema?: string;
}

/** BigQuery. */
export interface PipelineManifestSpecWarehouseBigquery {
  /** Schema of the tables. Default: the name of the pipeline in snake case. */
  readonly schema?: string;
}

/** Snowflake. */
export interface PipelineManifestSpecWarehouseSnowflake {
  /** Schema of the tables. Default: the name of the pipeline in snake case. */
  readonly schema?: string;
}

/** A PostgreSQL server. */
export interface PipelineManifestSpecWarehousePostgres {
  /** Schema of the tables. Default: the name of the pipeline in snake case. */
  readonly schema?: string;
  /** The URL of a database, with user and password: `postgres://user:password@host:5432/database`; TLS as `?sslmode=verify-full`. */
  readonly urlFrom?: PipelineManifestSpecWarehousePostgresUrlFrom;
  /** The certificate (PEM) of the authority that signed the one of the server. With it, TLS is used whatever the URL says, and the name of the server is checked. */
  readonly caFrom?: PipelineManifestSpecWarehousePostgresCaFrom;
}

/** The URL of a database, with user and password: `postgres://user:password@host:5432/database`; TLS as `?sslmode=verify-full`. */
export interface PipelineManifestSpecWarehousePostgresUrlFrom {
  /** A key of a Secret. */
  readonly secretKeyRef: PipelineManifestSpecWarehousePostgresUrlFromSecretKeyRef;
}

/** A key of a Secret. */
export interface PipelineManifestSpecWarehousePostgresUrlFromSecretKeyRef {
  /** Name of the Secret. */
  readonly name: string;
  /** Key within the Secret. */
  readonly key: string;
  /** Whether the Secret or its key may be absent. */
  readonly optional?: boolean;
}

/** The certificate (PEM) of the authority that signed the one of the server. With it, TLS is used whatever the URL says, and the name of the server is checked. */
export interface PipelineManifestSpecWarehousePostgresCaFrom {
  /** A key of a Secret. */
  readonly secretKeyRef: PipelineManifestSpecWarehousePostgresCaFromSecretKeyRef;
}

/** A key of a Secret. */
export interface PipelineManifestSpecWarehousePostgresCaFromSecretKeyRef {
  /** Name of the Secret. */
  readonly name: string;
  /** Key within the Secret. */
  readonly key: string;
  /** Whether the Secret or its key may be absent. */
  readonly optional?: boolean;
}

/** MongoDB. */
export interface PipelineManifestSpecWarehouseMongodb {
  /** Schema of the tables. Default: the name of the pipeline in snake case. */
  readonly schema?: string;
}

/** The queue's server. Default: the installation's. */
export interface PipelineManifestSpecQueue {
  /** A Redis server. */
  readonly redis: PipelineManifestSpecQueueRedis;
}

/** A Redis server. */
export interface PipelineManifestSpecQueueRedis {
  /** Address of the server. */
  readonly urlFrom: PipelineManifestSpecQueueRedisUrlFrom;
}

/** Address of the server. */
export interface PipelineManifestSpecQueueRedisUrlFrom {
  /** A key of a Secret. */
  readonly secretKeyRef: PipelineManifestSpecQueueRedisUrlFromSecretKeyRef;
}

/** A key of a Secret. */
export interface PipelineManifestSpecQueueRedisUrlFromSecretKeyRef {
  /** Name of the Secret. */
  readonly name: string;
  /** Key within the Secret. */
  readonly key: string;
  /** Whether the Secret or its key may be absent. */
  readonly optional?: boolean;
}

/** What is wanted. */
export interface PipelineRunManifestSpec {
  /** The pipeline to run. */
  readonly pipelineRef: PipelineRunManifestSpecPipelineRef;
  /** Datasets to run. Default: all. */
  readonly datasets?: readonly string[];
  /** A period, half-open, in UTC. */
  readonly interval?: PipelineRunManifestSpecInterval;
  /** The first stage to do; what is before it is taken as it is. Default: `Extract`. */
  readonly from?: 'Extract' | 'Clean' | 'Load' | 'Transform';
  /** Whether to do again what is already published. Default: `false`. */
  readonly refresh?: boolean;
  /** Values instead of the defaults of the pipeline. */
  readonly params?: readonly PipelineRunManifestSpecParams[];
  /** Whose steps go first. Default: `Normal`. */
  readonly priority?: 'High' | 'Normal' | 'Low';
  /** Share of the slots it may take while other runs wait. Default: `100`. */
  readonly maxSharePercent?: number;
  /** What it is to do. Default: `Run`. */
  readonly state?: 'Run' | 'Pause' | 'Cancel';
  /** How long the resource stays after its end. Default: `30d`. */
  readonly ttl?: string;
}

/** The pipeline to run. */
export interface PipelineRunManifestSpecPipelineRef {
  /** Name of the pipeline. */
  readonly name: string;
}

/** A period, half-open, in UTC. */
export interface PipelineRunManifestSpecInterval {
  /** From here … */
  readonly start: string;
  /** … to just before here. */
  readonly end: string;
}

export interface PipelineRunManifestSpecParams {
  /** Name of the parameter. */
  readonly name: string;
  /** Its value, as text. */
  readonly value: string;
}

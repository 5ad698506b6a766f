/**
 * Every reason that a condition, a failed step, a notice or a report can give, with what it means and what to do.
 * The one list: the reference page is made from it, and a test holds the code against it.
 */
export const reasons = {
  // Conditions of a Pipeline
  AllGood: 'Every other condition is as it should be.',
  SpecAccepted: 'The manifest is valid.',
  SpecRefused: 'The manifest is not valid; the message names the path. The last valid one goes on working.',
  AfterCycle: 'The pipeline would run after itself, by way of those in `after`; none of them can be first.',
  ScaledToZero: 'No worker is there because there is nothing to do.',
  WorkersUp: 'As many workers are ready as there should be.',
  WorkersStarting: 'Workers that should be there have not started yet.',
  NameConflict: 'An object that the pipeline needs is there already and belongs to something else.',
  WorkersMissing: 'Workers that should be there are not; the message says why.',
  Deciding: 'The autoscaler sees the queues and sets the number of workers.',
  Undecided: 'The autoscaler has not looked at the queues yet.',
  External: 'Something else, such as an HPA or a person, sets the number of workers: `provider: External`.',
  Unattended: 'The process that looked after the pipeline has ended; start `jobpulse up` to go on.',
  QueuesUnreadable: 'The queues cannot be read; the number of workers is held.',
  WithinObjective: 'The newest data is younger than `freshness` demands.',
  Stale: 'The newest data is older than `freshness` allows.',
  NoSuccess: 'No run has ended well yet, and the time that `freshness` gives is not over.',
  NoObjective: 'The manifest sets no `freshness`.',
  Balanced: 'The ledgers of all published steps add up.',
  Unbalanced: 'A ledger does not add up; the message shows the figures. Report it as a bug.',
  NothingPublished: 'No run that ended has published rows: there is nothing to add up yet.',
  Scheduled: 'The schedule is on.',
  NoSchedule: 'The pipeline has no schedule: it runs when somebody asks for it.',
  Suspended: 'The schedule rests because `suspend` is true.',
  Paused: 'The schedule or the run rests because somebody paused it; `jobpulse resume` or `state: Run` lets it go on.',

  // What decides the number of workers (`QueuesUnreadable` is above), and what keeps it from more or fewer
  FollowsLoad: 'There are as many workers as finish what waits in the target time.',
  NoLoad: 'There is nothing to do, and has not been for the whole cooldown.',
  CoolingDown: 'There is nothing to do, but not for long enough to do without the last worker.',
  Draining: 'No further step begins; workers go when their steps have ended.',
  NumberOfJobs: 'No more workers than there are steps.',
  GlobalConcurrency: 'No more workers than steps may be under way at the same time.',
  SourceRateLimit: 'No more workers than the rate limit of the source keeps busy.',
  DownstreamFull: 'No more workers than there are while the next stage has more than enough to do.',
  StabilisationWindow: 'No fewer workers until fewer have been enough for a while.',
  StepSize: 'No more than so many workers come or go at a time.',
  BusyWorkers: 'A worker that has steps under way is not taken away.',
  MinReplicas: 'No fewer workers than the least number.',
  MaxReplicas: 'No more workers than the greatest number.',

  // How a run goes and ends
  Pending: 'The run waits for its turn.',
  Running: 'Steps are planned or under way.',
  LakeAway: 'The server of the lake does not answer; the steps of the run wait for it, and then go on.',
  WarehouseAway: 'The server of the warehouse does not answer; the steps of the run wait for it, and then go on.',
  Completed: 'Everything that was wanted is published.',
  Cancelled: 'Somebody set `state: Cancel`; what is published stays published.',
  RunFailed: 'The run could not be brought to its end; the message says why.',
  StepsFailed: 'Steps failed for good; the report lists them.',
  PipelineMissing: 'The Pipeline that the run names is not there. Apply it, then create the run again.',

  // Why a report shows the figures it shows
  UpToDate: 'Nothing was missing: everything that was wanted had been published before.',
  NothingChanged: 'The source gave the rows that are already loaded.',
  NothingNew: 'Everything that was found is known: it was asked for before, and nothing new was told of it since.',
  BudgetSpent: 'What the credits of the period, or of the account, did not cover is left to the next run.',
  NothingLoaded: 'Records were read, but none was loaded: all were rejected or filtered.',
  Unavailable: 'The run asked for a period that the source cannot be asked about and that is not in the lake.',
  SlicesMissing: 'More slices are missing than one run may ask for; the next runs go on with them, newest first.',
  AlreadyPublished: 'Another run had published this slice already.',
  NotBuilt: 'A model was not built because what it reads is not there yet, or a part is not built in this version.',
  MoreReasons: 'There are more reasons than a report lists.',
  CheckWarned: 'A check with severity Warn found rows.',
  SchemaDrift: 'The source has other columns than the manifest declares.',
  RejectRate:
    'More than 10 % of the rows of a dataset, and at least 10 rows, were rejected; see them with `jobpulse quarantine`.',
  SnapshotLeftOut: 'An older snapshot cannot be cleaned by the rules of today; newer ones go on without it.',
  SnapshotShrank:
    'Far fewer rows came than are loaded, or the snapshot was not complete: nothing was marked or deleted.',

  // The manifest and the program
  InvalidArgument: 'An argument or environment variable has a value that is not allowed.',
  InstallationInvalid: 'The document that describes the installation is not valid; the message names every place.',
  TemplateInvalid: 'A template cannot be read, or names a value that is not there.',
  PathInvalid: 'A JSONPath or a path in the lake is not of a form that can be followed.',
  ModelRefused: 'The SQL of a model is not one SELECT over the tables of its pipeline.',
  SecretMissing: 'A secret that the manifest names is not there; the message says where to put it.',
  SecretInvalid: 'A secret cannot be used for what the manifest names it for; the message says why.',
  SpecMissing: 'The specification of a step is not in the lake. Plan the run again.',
  WrongPool: 'A step came to a worker that does not do its stage. Report it as a bug.',
  MetricsFile: 'The metrics file cannot be written.',
  PortTaken: 'Metrics and health cannot be served on the port; choose another one.',

  RuleInvalid: 'A cleaning rule is not valid SQL, or a regular expression or form of dates in it is not valid.',

  // The source
  AddressRefused: 'An address is private, local or that of cloud metadata, and the process may not use it.',
  RequestInvalid: 'A request cannot be made from the manifest.',
  HeaderInvalid:
    'A header holds characters that no header can carry, often the line break at the end of a secret file.',
  UrlInvalid: 'The address of a request is not one that may be asked for.',
  Unauthorized: 'The source refused the credentials (401 or 403).',
  TokenInvalid: 'The token endpoint answered with something else than a bearer token.',
  RequestRefused: 'The source refused the request, and would refuse it again.',
  RedirectInvalid: 'The source sent us to an address that is none.',
  TooManyRedirects: 'The source sent us from one address to the next without end.',
  PaymentRequired:
    'The source wants to be paid first (402): credits are used up, or the plan does not cover this. Where credits are declared, the rest is left to the next run.',
  NextInvalid:
    'What the source names as its next page cannot be asked for: an address on another host, or no usable cursor.',
  PagesRepeat: 'The source gives the same page again and again.',
  TooManyPages: 'There are more pages than `paging.maxPages` allows.',
  PagingNeedsRecords: 'The format has no records that can be counted, so the last page cannot be told.',
  ResultCapped: 'The source gave as many records as it ever gives to one query: there may be more.',
  TotalMissing: 'The number of records is not where `paging.total` looks for it.',
  TotalNotReached: 'The source gave fewer records than it says it has.',
  NoFiles: 'No file matches `files.paths`.',
  TooManyFiles: 'More files match `files.paths` than one slice may have.',
  FileOutside: 'A file lies outside the folder of the manifest.',
  FileDenied: 'A file may not be read by this user.',
  FileBroken: 'A compressed file is damaged or cut short.',
  BodyTooLarge: 'A body is larger than is allowed.',
  EncodingUnknown: 'A body is compressed in a way that is not known.',
  EncodingWrong: 'Text is not in the encoding that the manifest names; rows went to quarantine.',
  HeaderUnreadable: 'The line with the names of the columns cannot be read.',
  MalformedJson: 'A body that should be JSON is not, for example an error page.',
  NotJson: 'The source answered with something else than JSON, such as a log-in page. Nothing was changed.',
  NotData: 'The source answered with something else than data of the declared format. Nothing was changed.',
  RecordsMissing: 'There is nothing where `format.json.records` looks for records.',

  // Cleaning
  ColumnMissing: 'The source lacks the header of a required column.',
  RuleBroken: 'Rows break a rule whose `onError` or severity is Fail.',
  ValuesSetNull: 'Values broke a rule with `onError: SetNull` and became null.',
  DuplicateKey: 'Rows of one slice have the same key, and `dedupe` is Fail.',
  TooManyPartitions: 'One step would write more files than is allowed: cut the lake less finely.',

  // The lake
  LakeClaimed: 'Another installation owns this part of the lake.',
  InputMissing: 'A step needs a manifest that is not in the lake.',
  LakeFileMissing: 'A file that a manifest names is not in the lake.',
  LakeFileDamaged: 'A file of the lake does not hold the rows that its manifest says.',
  ObjectMissing: 'An object is not in the store.',
  RawMissing: 'Raw bytes are no longer in the lake: their retention is over, or someone removed them.',
  RawUnreadable: 'Stored raw bytes are damaged.',
  NotReproducible: 'Two attempts at one step gave different results. Nothing was overwritten. Report it as a bug.',
  StoreDenied: 'The store does not let us in: rights or credentials are missing or wrong.',
  StoreFull: 'There is no space left in the store.',
  StoreMissing: 'The bucket of the lake does not exist.',
  StoreUnreachable: 'The server of the lake was away, however often it was asked; the next run goes on.',
  StoreUnsuitable:
    'The server of the lake lacks something that is needed, such as conditional writes, or refuses requests as wrong.',

  // The warehouse
  CheckFailed: 'A check with severity Fail found rows; nothing was published, readers see what was there before.',
  DiskFull: 'The disk of the warehouse is full.',
  OutOfMemory: 'A query needs more memory than it may use.',
  SourceUnreachable: 'The source gave no whole answer in any attempt. Run again when it does.',
  RetriesExhausted: 'A step failed in all its attempts; the message says how the last one did.',
  WarehouseLocked: 'Another process has the warehouse open.',
  WarehouseUnavailable:
    'The server of the warehouse was away or full, however often it was asked; the next run goes on.',
  WarehouseDenied:
    'The server of the warehouse does not let us in, or lets us do too little; the message says what to do.',
  WarehouseUrlInvalid: 'The URL of the warehouse cannot be read; the message shows how one looks.',
  WarehouseUnsuitable: 'The warehouse cannot hold such a table, for example because of the name of a column.',
  WarehouseBlocked: 'A table must make room for another, but something of yours depends on it; the message says what.',
  LoadFailed:
    'The warehouse refused the rows, for example because a value does not fit its type; the table is as it was.',
  ModelFailed: 'The SQL of a model, a check or an insight does not run; the model is as it was.',

  // The services of this machine
  WorkerLost: 'A worker ended in the middle of a step more often than is tried again.',
  WorkersFailed: 'Workers end as soon as they start; the message shows their last lines.',
  DataDirUnusable: 'The data directory, or a folder of it, cannot be used.',
  DataDirOwned: 'Another process works on the data directory, and only one can.',
  FolderUnreadable: 'The folder of manifests cannot be read, or holds too many.',
  NameTaken: 'Two manifests of a folder declare the same pipeline; the first one counts.',
  OwnerUnresponsive: 'The process that owns the data directory does not answer.',
  OwnerClosing: 'The process that owns the data directory is about to end.',
  RequestTooLarge: 'A request to the owner of the data directory is larger than is allowed.',
  OwnerDiffers: 'The process that owns the data directory lacks a secret or a setting that the run needs.',
  OwnerVersionDiffers: 'The process that owns the data directory is of another version.',
  LeadershipLost: 'Another controller leads, or the API server could not be reached for too long; start it again.',
  StaleLeader: 'Another controller has taken over; the one before it writes nothing any more.',
  KubeconfigInvalid: 'The kubeconfig is missing, cannot be read, or does not name what is to be used.',
  KubernetesUnreachable: 'The Kubernetes API server gives no answer.',
  RedisUrlInvalid: 'REDIS_URL is not the address of a Redis.',
  RedisUnreachable: 'The Redis at REDIS_URL does not answer or does not let us in.',
  RedisMissing: 'There is no Redis on this machine, and none could be unpacked.',
  RedisFailed: 'The private Redis does not start, or ended.',
} as const satisfies Readonly<Record<string, string>>;

/** A word from the documented list of reasons. */
export type Reason = keyof typeof reasons;

/** The words that planner, workers, lake and report share. They carry no behaviour. */

export const stages = ['Extract', 'Clean', 'Load', 'Transform', 'Compact', 'Sweep'] as const;
export type StageName = (typeof stages)[number];

/** One look at a source that cannot be asked about the past. */
export interface Snapshot {
  /** Logical time of the run, ISO 8601 in UTC with milliseconds. */
  readonly asOf: string;
  /** Digest (8 hex digits) of the run's parameter values; another value is another snapshot. */
  readonly params: string;
}

/** A period that a source was asked about, at one logical time: of several looks at a period the latest is current. */
export interface Window extends Snapshot {
  /** From here, ISO 8601 in UTC with milliseconds … */
  readonly start: string;
  /** … to just before here. */
  readonly end: string;
}
export type Slice = Snapshot | Window;

/** One bounded piece of work, as planned and as carried in a queue. It holds references, never rows or secrets. */
export interface Step {
  readonly key: string;
  readonly stage: StageName;
  /** Dataset name; for Transform the model's name; for Sweep `_pipeline`. */
  readonly dataset: string;
  readonly slice: Slice;
  /** `0`, `1`, … in the order in which the parts of a slice are cut. */
  readonly part: string;
  /** Digest under which the resolved stage spec is stored in the lake. */
  readonly spec: string;
  /** Lake paths of the manifests this step reads. */
  readonly inputs: readonly string[];
  /** Digest under which the items are stored that it asks for, when it asks for each row of another dataset. */
  readonly items?: string;
}

/** listed = fetched + skippedKnown + gone + failed + deferred. Unit: records of an API, files of a file source. */
export interface ExtractLedger {
  readonly listed: number;
  readonly fetched: number;
  readonly skippedKnown: number;
  readonly gone: number;
  readonly failed: number;
  readonly deferred: number;
}

/** read + expanded = clean + Σ rejected + filtered + deduplicated. Unit: rows. */
export interface CleanLedger {
  readonly read: number;
  readonly expanded: number;
  readonly clean: number;
  /** `<rule>:<column>` → rows. A row that breaks several rules counts once, under the first in column order. */
  readonly rejected: Readonly<Record<string, number>>;
  readonly filtered: number;
  readonly deduplicated: number;
}

/** clean = added + modified + unchanged + superseded; `marked` and `deleted` are rows that went missing. */
export interface LoadLedger {
  readonly clean: number;
  readonly added: number;
  readonly modified: number;
  readonly unchanged: number;
  readonly superseded: number;
  readonly marked: number;
  readonly deleted: number;
}

export interface ModelLedger {
  readonly rows: number;
  readonly passed: number;
  readonly warned: number;
  readonly failed: number;
}

/** What a pack took the place of, and what it is. */
export interface CompactLedger {
  /** Manifests and files of single steps … */
  readonly manifests: number;
  readonly files: number;
  /** … with this many bytes of rows, … */
  readonly bytes: number;
  /** … which are in this many files now, with as many rows. */
  readonly packs: number;
  readonly packedBytes: number;
  readonly rows: number;
}

export interface SweepLedger {
  readonly objects: number;
  readonly bytes: number;
}

export type Ledger = ExtractLedger | CleanLedger | LoadLedger | ModelLedger | CompactLedger | SweepLedger;

/** A file in the lake. */
export interface FileRef {
  readonly path: string;
  readonly bytes: number;
  /** Rows of a derived file; absent for raw bytes. */
  readonly rows?: number;
  /** sha256 (hex) of the stored raw body before compression. */
  readonly sha256?: string;
  /** Of a file of a pack: names, without extension, of the files of its folder whose rows are in it. */
  readonly holds?: readonly string[];
}

export interface Partition {
  /** Column → value; empty when the dataset is not partitioned. */
  readonly values: Readonly<Record<string, string>>;
  readonly rows: number;
  /** Hash of the set of rows, whatever their order. */
  readonly rowsHash: string;
  readonly files: readonly FileRef[];
}

export interface ColumnSchema {
  readonly name: string;
  readonly type: string;
  readonly comment?: string;
}

/** Something a person should know that did not stop the step: a Warn check, a shrunken snapshot, a drifted schema. */
export interface Notice {
  readonly reason: string;
  readonly message: string;
}

/** What the parts of a slice have counted so far; the part that follows counts on. */
export interface Tally {
  /** Records of the slice. */
  readonly seen: number;
  /** Records of the query under way: all of them, unless the query was split. */
  readonly ofQuery: number;
  /** What the source says the query under way holds. */
  readonly total?: number;
  /** What the source said the whole query holds, before it was split. */
  readonly whole?: number;
  /** What the source said the queries hold that the whole was split into, as far as they have ended. */
  readonly ended?: number;
}

/** What an extract step learnt about its source, for planning the next part. */
export interface SourceState {
  /** What the source says it holds for this query, when it says so. */
  readonly total?: number;
  /** Opaque position where the next part begins; absent when the source is exhausted. */
  readonly next?: string;
  /** There when nothing but this part tells where the next begins: then parts follow one another. */
  readonly tally?: Tally;
  /** The source cut the answer off at its result cap. */
  readonly capped?: boolean;
  /** Digest of the items that were asked for; the first of them, as many as were fetched or gone, are done. */
  readonly items?: string;
  /** Credits that are left, as the source said last. */
  readonly creditsRemaining?: number;
}

/** The result of one step. Its manifest in the lake is the only proof that the step is done. */
export interface Manifest {
  readonly v: 1;
  readonly key: string;
  readonly stage: StageName;
  readonly dataset: string;
  /** The run that did the work; whoever needs the same key later adopts it. */
  readonly run: string;
  readonly epoch: number;
  readonly slice: Slice;
  readonly part: string;
  readonly spec: string;
  /** Digests of the manifests that were read. */
  readonly inputs: readonly string[];
  /** False while the slice goes on in a further part, or when the source did not give all it has. */
  readonly complete: boolean;
  readonly ledger: Ledger;
  readonly partitions: readonly Partition[];
  readonly schema: readonly ColumnSchema[];
  readonly source?: SourceState;
  /** Rejected rows with their reasons (Clean). */
  readonly quarantine?: readonly FileRef[];
  /** Keys of every record that was read, kept or not, when missing rows are to be noticed (Clean). */
  readonly seen?: readonly FileRef[];
  /** Where the manifests are, word for word, that this one takes the place of (Compact). */
  readonly replaces?: readonly FileRef[];
  readonly notices?: readonly Notice[];
  /** One line a model has to tell (Transform). */
  readonly insight?: string;
  readonly cost: { readonly requests: number; readonly bytes: number; readonly credits: number };
  readonly versions: Readonly<Record<string, string>>;
  readonly startedAt: string;
  readonly finishedAt: string;
}

/** What a stage hands back; the worker turns it into a manifest. */
export type StepResult = Pick<Manifest, 'ledger'> &
  Partial<
    Pick<
      Manifest,
      | 'complete'
      | 'partitions'
      | 'schema'
      | 'source'
      | 'quarantine'
      | 'seen'
      | 'replaces'
      | 'notices'
      | 'insight'
      | 'cost'
    >
  >;

/** Why a step of a run ended for good without a manifest. */
export interface Failure {
  readonly dataset: string;
  readonly stage: StageName | 'Plan';
  readonly key: string;
  /** A word from the documented list of reasons. */
  readonly reason: string;
  readonly message: string;
}

import type {
  CleanLedger,
  CompactLedger,
  ExtractLedger,
  LoadLedger,
  Manifest,
  ModelLedger,
  StageName,
  SweepLedger,
} from './types.ts';

/** What the steps of a stage count. */
export interface LedgerOf {
  readonly Extract: ExtractLedger;
  readonly Clean: CleanLedger;
  readonly Load: LoadLedger;
  readonly Transform: ModelLedger;
  readonly Compact: CompactLedger;
  readonly Sweep: SweepLedger;
}

/** The part of a manifest that counts: what an event carries is enough. */
export type Counted = Pick<Manifest, 'key' | 'stage' | 'dataset' | 'ledger'>;

/** A manifest of a known stage: the stage decides what its ledger counts. */
export type OfStage<M extends Counted, Stage extends StageName> = M & {
  readonly stage: Stage;
  readonly ledger: LedgerOf[Stage];
};

/** Whether a manifest is of a stage, and with it which ledger it holds. */
export const isStage = <M extends Counted, Stage extends StageName>(
  manifest: M,
  stage: Stage,
): manifest is OfStage<M, Stage> => manifest.stage === stage;

/** The ledgers of one stage. */
export const ledgersOf = <Stage extends StageName>(manifests: readonly Counted[], stage: Stage): LedgerOf[Stage][] =>
  manifests.flatMap((manifest) => (isStage(manifest, stage) ? [manifest.ledger] : []));

const extractCounts = ['listed', 'fetched', 'skippedKnown', 'gone', 'failed', 'deferred'] as const;
const cleanCounts = ['read', 'expanded', 'clean', 'filtered', 'deduplicated'] as const;
const loadCounts = ['clean', 'added', 'modified', 'unchanged', 'superseded', 'marked', 'deleted'] as const;

/** What several extract steps counted together. */
export const sumExtract = (ledgers: readonly ExtractLedger[]): ExtractLedger => sums(extractCounts, ledgers);

/** What several clean steps counted together. */
export const sumClean = (ledgers: readonly CleanLedger[]): CleanLedger => ({
  ...sums(cleanCounts, ledgers),
  rejected: mergeCounts(ledgers.map(({ rejected }) => rejected)),
});

/** What several loads counted together. */
export const sumLoad = (ledgers: readonly LoadLedger[]): LoadLedger => sums(loadCounts, ledgers);

/** The total of counts by name, such as rejected rows by reason. */
export const total = (counts: Readonly<Record<string, number>>): number =>
  Object.values(counts).reduce((sum, count) => sum + count, 0);

/** One side of an equation: name → count, in the order in which a person reads it. */
type Side = Readonly<Record<string, number>>;

/** A law of conservation: all that came in is accounted for. */
export interface Balance {
  readonly came: Side;
  readonly went: Side;
}

/** The law a step's ledger must obey; models and housekeeping have none. */
export function balanceOf(manifest: Counted): Balance | undefined {
  if (isStage(manifest, 'Extract')) return extractBalance(manifest.ledger);
  if (isStage(manifest, 'Clean')) return cleanBalance(manifest.ledger);
  if (isStage(manifest, 'Load')) return loadBalance(manifest.ledger);
  return undefined;
}

function extractBalance({ listed, ...went }: ExtractLedger): Balance {
  const { fetched, skippedKnown, gone, failed, deferred } = went;
  return { came: { listed }, went: { fetched, skippedKnown, gone, failed, deferred } };
}

function cleanBalance({ read, expanded, clean, rejected, filtered, deduplicated }: CleanLedger): Balance {
  return { came: { read, expanded }, went: { clean, rejected: total(rejected), filtered, deduplicated } };
}

function loadBalance({ clean, added, modified, unchanged, superseded }: LoadLedger): Balance {
  return { came: { clean }, went: { added, modified, unchanged, superseded } };
}

const holds = ({ came, went }: Balance): boolean => total(came) === total(went);

/** The condition `Conserved`. */
export interface Conserved {
  readonly status: 'True' | 'False' | 'Unknown';
  readonly message: string;
}

/**
 * Whether the ledgers of published steps add up. A True answer tells what became of the rows that were read;
 * a False one names the first step that lost or invented some.
 */
export function conserved(manifests: readonly Counted[]): Conserved {
  const judged = manifests.flatMap((manifest) => {
    const balance = balanceOf(manifest);
    return balance ? [{ manifest, balance }] : [];
  });
  if (judged.length === 0) return { status: 'Unknown', message: 'no step that counts rows is published yet' };
  const broken = judged.filter(({ balance }) => !holds(balance));
  const [first, ...others] = broken;
  if (!first) return { status: 'True', message: overall(manifests) };
  const { dataset, stage, key } = first.manifest;
  const more = others.length === 0 ? '' : `; ${others.length} more of ${judged.length} steps do not add up`;
  return {
    status: 'False',
    message: `${dataset} ${stage.toLowerCase()} ${key}: ${equation(first.balance)}${more}`,
  };
}

/** What became of the rows; before anything is cleaned, what became of the listed records. */
function overall(manifests: readonly Counted[]): string {
  const clean = ledgersOf(manifests, 'Clean');
  if (clean.length > 0) return equation(cleanBalance(sumClean(clean)));
  const load = ledgersOf(manifests, 'Load');
  if (load.length > 0) return equation(loadBalance(sumLoad(load)));
  return equation(extractBalance(sumExtract(ledgersOf(manifests, 'Extract'))));
}

/** `500 read = 498 clean + 2 rejected`; terms of zero are left out. */
function equation(balance: Balance): string {
  return `${terms(balance.came)} ${holds(balance) ? '=' : '≠'} ${terms(balance.went)}`;
}

function terms(side: Side): string {
  const named = Object.entries(side).map(([name, count]) => ({ count, text: `${count} ${name}` }));
  const told = named.filter(({ count }) => count !== 0);
  return (told.length > 0 ? told : named.slice(0, 1)).map(({ text }) => text).join(' + ');
}

function sums<Name extends string>(
  names: readonly Name[],
  ledgers: readonly Readonly<Record<Name, number>>[],
): Record<Name, number> {
  const entries = names.map((name) => [name, ledgers.reduce((sum, ledger) => sum + ledger[name], 0)]);
  return Object.fromEntries(entries) as Record<Name, number>;
}

function mergeCounts(all: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const merged = new Map<string, number>();
  for (const [name, count] of all.flatMap((counts) => Object.entries(counts))) {
    merged.set(name, (merged.get(name) ?? 0) + count);
  }
  return Object.fromEntries(merged);
}

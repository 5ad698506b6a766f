import { type Load, parseDuration } from '../api/index.ts';
import { localFile } from '../connectors/stores/local.ts';
import {
  type LoadSlice,
  type LocalFile,
  lakeFileMissing,
  placeOf,
  type TableSpec,
} from '../connectors/warehouses/warehouse.ts';
import { listPacks, manifestDigest } from '../lake/lake.ts';
import { nameOf, packedFiles } from '../lake/packs.ts';
import { TerminalError } from '../run/errors.ts';
import { lookOf } from '../run/slices.ts';
import type { LoadSpec } from '../run/specs.ts';
import type { ExtractLedger, Manifest } from '../run/types.ts';
import type { Stage, StageContext } from './stage.ts';
import type { Warehouses } from './warehouses.ts';

/** Brings cleaned snapshots into their table. */
export const load =
  (warehouses: Warehouses): Stage<LoadSpec> =>
  async (context) => {
    const { lake, spec, step, inputs, signal } = context;
    const packed = packedFiles(await listPacks(lake, spec.dataset));
    const request = {
      key: step.key,
      table: tableOf(spec),
      slices: slicesOf(inputs, spec.load),
      rebuild: spec.rebuild,
      locate: (paths: readonly string[]) => locate(context, packed, paths),
    };
    context.progress(`loading ${request.slices.length} snapshots into ${spec.target.schema}.${spec.target.table}`);
    const { ledger, rows, rowsHash, notices } = await warehouses(spec.target, context.secret).load(request, signal);
    context.crashPoint('after-warehouse-commit');
    return { ledger, partitions: [{ values: {}, rows, rowsHash, files: [] }], schema: spec.columns, notices };
  };

const tableOf = ({ target, columns, key, version, load, timeZone, keepReplaced }: LoadSpec): TableSpec => ({
  schema: target.schema,
  name: target.table,
  columns,
  key,
  ...(version === undefined ? {} : { version }),
  load,
  timeZone,
  keepReplacedMs: parseDuration(keepReplaced),
});

/** The snapshots or windows that some manifests tell of, in the order of their fold: their rows from Clean, whether they are whole from Extract. */
export function slicesOf(manifests: readonly Manifest[], load: Pick<Load, 'onMissing'>): LoadSlice[] {
  const byLook = Map.groupBy(manifests, ({ slice }) => lookOf(slice));
  return [...byLook.values()].map((ofLook) => sliceOf(ofLook, load)).sort((a, b) => (placeOf(a) < placeOf(b) ? -1 : 1));
}

function sliceOf(manifests: readonly Manifest[], { onMissing }: Pick<Load, 'onMissing'>): LoadSlice {
  const extracts = ofStage(manifests, 'Extract');
  const cleans = ofStage(manifests, 'Clean');
  const [first] = [...extracts, ...cleans];
  if (!first) throw new TerminalError('InputMissing', 'a load needs the Clean manifests of its snapshot');
  const total = extracts.findLast(({ source }) => source?.total !== undefined)?.source?.total;
  const incomplete = whyIncomplete(extracts, cleans, onMissing !== 'Ignore');
  return {
    ...first.slice,
    files: cleans.flatMap(({ partitions }) => partitions.flatMap(({ files }) => files.map(({ path }) => path))),
    seen: cleans.flatMap(({ seen = [] }) => seen.map(({ path }) => path)),
    ...(total === undefined ? {} : { total }),
    ...(incomplete === undefined ? {} : { incomplete }),
  };
}

const ofStage = (manifests: readonly Manifest[], stage: Manifest['stage']): Manifest[] =>
  manifests.filter((manifest) => manifest.stage === stage).sort((a, b) => Number(a.part) - Number(b.part));

/** Why a snapshot may lack rows that are still at the source. */
function whyIncomplete(
  extracts: readonly Manifest[],
  cleans: readonly Manifest[],
  needsKeys: boolean,
): string | undefined {
  const last = extracts.at(-1);
  if (!last) return 'nothing tells whether the snapshot is whole';
  const gap = extracts.findIndex(({ part }, at) => part !== String(at));
  if (gap !== -1) return `part ${gap} of the snapshot is missing`;
  if (!last.complete) return 'the source did not give all it has';
  if (extracts.some(({ source }) => source?.capped)) return 'the source cut its answer off at its result cap';
  const unread = extracts.reduce((sum, { ledger }) => sum + notFetched(ledger as ExtractLedger), 0);
  if (unread > 0) return `${unread} listed records were not fetched`;
  const cleaned = new Set(cleans.flatMap(({ inputs }) => inputs));
  const uncleaned = extracts.find((extract) => !cleaned.has(manifestDigest(extract)));
  if (uncleaned) return `part ${uncleaned.part} of the snapshot is not cleaned`;
  if (needsKeys && cleans.some(({ seen }) => seen === undefined))
    return 'the keys of the records that were read were not kept';
  return undefined;
}

const notFetched = ({ skippedKnown, failed, deferred }: ExtractLedger): number => skippedKnown + failed + deferred;

/**
 * Where the rows of files of the lake are on this machine; from a lake elsewhere they are copied into the step's own
 * folder. A pack is kept for a day after others took its place, so what holds when a load begins holds until it ends.
 */
async function locate(
  { lake: { store }, scratch, signal }: StageContext<LoadSpec>,
  packed: ReadonlyMap<string, string>,
  paths: readonly string[],
): Promise<LocalFile[]> {
  const files: LocalFile[] = [];
  const known = new Map<string, string>();
  for (const path of paths) {
    signal.throwIfAborted();
    const pack = packed.get(path);
    const at = pack ?? path;
    const local = known.get(at) ?? (await localFile(store, at, scratch));
    if (local === undefined) throw lakeFileMissing(at, 'load');
    known.set(at, local);
    files.push({ path: local, ...(pack !== undefined && { packedFrom: nameOf(path) }) });
  }
  return files;
}

import { checkPipeline, type Pipeline, type Problem } from '../../../api/index.ts';
import { datasetsOf } from '../../../api/policies/policy.ts';
import { type Finding, toProblem } from '../../../api/problem.ts';
import { poolNames } from '../../../queue/names.ts';
import { secretsOf } from '../../secretRefs.ts';
import type { Installation } from '../installation.ts';
import { withInstalledWarehouse } from '../render/warehouse.ts';
import type { StoredPipeline } from '../stored.ts';
import { amount } from './quantity.ts';

export type CheckedPipeline =
  | { readonly ok: true; readonly pipeline: StoredPipeline }
  | { readonly ok: false; readonly problems: readonly Problem[] };

/** All that is asked of a Pipeline here: what the command line asks, and what only a cluster can. */
export function checkStored(stored: StoredPipeline, installation: Installation): CheckedPipeline {
  const { status: _, ...wanted } = stored; // what an older or newer version wrote there is not the user's doing
  const checked = checkPipeline(wanted);
  if (!checked.ok) return checked;
  const pipeline = withInstalledWarehouse({ ...checked.pipeline, metadata: stored.metadata }, installation);
  const problems = policies.flatMap((policy) => policy(pipeline, installation)).map((finding) => toProblem(finding));
  return problems.length === 0 ? { ok: true, pipeline } : { ok: false, problems };
}

type ClusterPolicy = (pipeline: Pipeline, installation: Installation) => readonly Finding[];

const filesAreThere: ClusterPolicy = (pipeline, { files }) =>
  datasetsOf(pipeline)
    .filter(({ dataset }) => dataset.extract.files && !files)
    .map(({ at }) => ({
      at: [...at, 'extract', 'files'],
      what: 'found files, but this installation has no volume of files',
      found: 'files',
      fix: 'Name a volume in `files.claimName` of the installation.',
    }));

/** The API server would refuse each pod, and nobody would see why. */
const requestsBelowLimits: ClusterPolicy = ({ spec }) =>
  poolNames.flatMap((pool) => {
    const { requests = {}, limits = {} } = spec.workers?.[pool]?.resources ?? {};
    return Object.entries(requests).flatMap(([name, request]) => {
      const limit = limits[name];
      if (limit === undefined || amount(request) <= amount(limit)) return [];
      return {
        at: ['spec', 'workers', pool, 'resources', 'requests', name],
        what: `found ${request}, which is more than the limit ${limit}`,
        found: request,
        allowed: `at most ${limit}`,
        fix: 'Lower the request or raise the limit.',
      };
    });
  });

/** A key becomes a file. */
const keysAreFileNames: ClusterPolicy = (pipeline) =>
  poolNames
    .flatMap((pool) => secretsOf(pipeline, pool))
    .filter(({ name, key }) => key.startsWith('..') || key === '.' || name.includes('..'))
    .map(({ name, key }) => ({
      at: ['spec'],
      what: `found the secret ${name}, key ${key}, which no Secret can have`,
      found: `${name}/${key}`,
      fix: 'Write the name and the key as they are in the Secret.',
    }));

const policies: readonly ClusterPolicy[] = [filesAreThere, requestsBelowLimits, keysAreFileNames];

import { TerminalError } from '../run/errors.ts';
import type { Lake } from './lake.ts';
import { layout } from './layout.ts';

/** Who says that it writes a pipeline's part of the lake. */
export interface Claim {
  /** Name of the installation: a cluster, or a data directory. */
  readonly installation: string;
  /** `<namespace>/<name>` of the pipeline. */
  readonly pipeline: string;
  /** Take the lake over from another installation: its pipeline was moved here. */
  readonly adopt: boolean;
}

interface Owner {
  readonly v: 1;
  readonly installation: string;
  readonly pipeline: string;
}

/** A claim is tried this often when another installation claims at the same moment. */
const attempts = 3;

/**
 * Makes this installation the only one that writes this part of the lake. Two installations that share a bucket by
 * accident would otherwise adopt each other's steps and sweep each other's files.
 */
export async function claimLake(lake: Lake, { installation, pipeline, adopt }: Claim): Promise<void> {
  const claim: Owner = { v: 1, installation, pipeline };
  for (let attempt = 1; attempt <= attempts; attempt += 1) {
    const created = await lake.store.putIfAbsent(layout.owner(), Buffer.from(JSON.stringify(claim)));
    if (created === 'created') return;
    const owner = await readOwner(lake);
    if (!owner) continue; // Another installation is adopting the lake: see who got it.
    if (owner.installation === installation && owner.pipeline === pipeline) return;
    if (!adopt) throw claimed(lake, claim, owner);
    await lake.store.delete(layout.owner());
  }
  throw new TerminalError(
    'LakeClaimed',
    `several installations claim the lake of ${lake.pipeline} at the same time; let only one of them adopt it`,
  );
}

/** The present owner; `undefined` when the claim has just been removed. */
async function readOwner(lake: Lake): Promise<Owner | undefined> {
  const bytes = await lake.store.get(layout.owner());
  if (!bytes) return undefined;
  try {
    return JSON.parse(bytes.toString('utf8')) as Owner;
  } catch (cause) {
    throw new TerminalError(
      'LakeClaimed',
      `${layout.owner()} in the lake of ${lake.pipeline} is not JSON, so its owner is unknown; remove it if the lake is yours`,
      { cause },
    );
  }
}

const claimed = (lake: Lake, claim: Owner, owner: Owner): TerminalError =>
  new TerminalError(
    'LakeClaimed',
    `the lake of ${lake.pipeline} belongs to installation "${owner.installation}" (pipeline ${owner.pipeline}), and this is "${claim.installation}" (pipeline ${claim.pipeline}). ` +
      'Give this pipeline another lake or prefix; or, if it was moved here and runs nowhere else, annotate it with jobpulse.dev/adopt: "true".',
  );

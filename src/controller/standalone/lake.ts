import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { s3Bucket } from '../../api/bucket.ts';
import { readDocument } from '../../api/document.ts';
import { type LakePlace, openStore } from '../../connectors/stores/open.ts';
import { prefixed } from '../../connectors/stores/prefixed.ts';
import type { Lake } from '../../lake/lake.ts';
import { TerminalError } from '../../run/errors.ts';
import { namespace } from './namespace.ts';

/** What `lake.yaml` in a data directory says. Credentials are the environment's. */
const document = z.strictObject({ s3: z.strictObject(s3Bucket).describe('A bucket.') });

/**
 * Where the lake of a data directory is: the folder `lake`, or the bucket that its file `lake.yaml` names. It is told
 * by a file and not by an option, because every command that reads or writes must mean the same one.
 */
export function lakePlace(dataDir: string): LakePlace {
  const file = join(dataDir, 'lake.yaml');
  if (!existsSync(file)) return join(dataDir, 'lake');
  const read = readDocument(document, readFileSync(file, 'utf8'), file);
  if (read.ok) return read.value.s3;
  const problems = read.problems.map((each) => `  ${each}`).join('\n');
  throw new TerminalError('InvalidArgument', `${file} is not valid:\n${problems}`);
}

/** A pipeline's part of a data directory's lake. */
export function lakeOf(dataDir: string, pipeline: string): Lake {
  const name = `${namespace}/${pipeline}`;
  return { store: prefixed(openStore(lakePlace(dataDir)), name), pipeline: name };
}

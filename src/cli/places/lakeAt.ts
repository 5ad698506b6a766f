import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { z } from 'zod';
import { s3Bucket } from '../../api/bucket.ts';
import { type LakePlace, openStore } from '../../connectors/stores/open.ts';
import { prefixed } from '../../connectors/stores/prefixed.ts';
import type { Lake } from '../../lake/lake.ts';
import { CliError, exitCodes } from '../exit.ts';

/** A pipeline's part of a lake that `--lake` names: a folder, or `s3://bucket/prefix?endpoint=…&region=…`. */
export function lakeAt(place: string, namespace: string, pipeline: string): Lake {
  const name = `${namespace}/${pipeline}`;
  return { store: prefixed(openStore(parsePlace(place)), name), pipeline: name };
}

/** What `--lake` says, as an address of a lake. */
export function parsePlace(place: string): LakePlace {
  if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(place)) {
    if (existsSync(place)) return resolve(place);
    throw new CliError(exitCodes.invalid, `--lake ${place}: there is no such folder; ${forms}`);
  }
  const url = URL.canParse(place) ? new URL(place) : undefined;
  if (url?.protocol !== 's3:')
    throw new CliError(exitCodes.invalid, `--lake ${place} is no address of a lake; ${forms}`);
  const prefix = url.pathname.replaceAll(/^\/+|\/+$/g, '');
  const { pathStyle, ...query } = Object.fromEntries(url.searchParams);
  const read = bucket.safeParse({
    ...{ bucket: url.host, ...(prefix && { prefix }), ...query },
    ...(pathStyle !== undefined && { pathStyle: pathStyle === 'true' }),
  });
  if (read.success) return read.data;
  const problems = read.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`);
  throw new CliError(exitCodes.invalid, `--lake ${place}: ${problems.join('; ')}; ${forms}`);
}

const bucket = z.strictObject(s3Bucket);
const forms = 'write a folder, or s3://bucket/prefix with ?endpoint=https://host:port for a server that is not AWS';

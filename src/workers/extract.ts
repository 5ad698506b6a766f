import { files } from '../connectors/sources/files.ts';
import { rest } from '../connectors/sources/rest.ts';
import { TerminalError } from '../run/errors.ts';
import type { ExtractSpec } from '../run/specs.ts';
import type { Stage } from './stage.ts';

/** Brings the bytes of one part of a slice into the lake, from whichever source the manifest names. */
export const extract: Stage<ExtractSpec> = async (context) => {
  const { extract: source, dataset } = context.spec;
  if (source.rest) return rest(context, source.rest);
  if (source.files?.paths) return files(context, source.files);
  throw new TerminalError('NotBuilt', `${dataset}: this kind of extract is not built yet; use rest or files.paths`);
};

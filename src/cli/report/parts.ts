import { stringify } from 'yaml';
import { mapBounded } from '../../lake/lake.ts';
import { redactText, redactValue } from './redact.ts';

/** Something that a report holds: files, or a reason why it does not. */
export interface Part {
  /** For the summary: `pods of workers`. */
  readonly what: string;
  readonly files: () => Promise<readonly PartFile[]>;
}

export interface PartFile {
  /** In the report: `runs/usajobs-29919600.yaml`. */
  readonly path: string;
  /** Text as it is, or an object, which becomes YAML. An error: why this file is left out. */
  readonly content: unknown;
}

export interface ReportFile {
  readonly path: string;
  readonly text: string;
}

/** What was left out, and why. */
export interface LeftOut {
  readonly what: string;
  readonly why: string;
}

export interface Collected {
  readonly files: readonly ReportFile[];
  readonly leftOut: readonly LeftOut[];
}

/** Files of a part, and bytes of a file: a report is something to send. */
const mostFiles = 1_000;
const mostBytes = 4 * 2 ** 20;

/** Everything that can be had, without secrets. What cannot be had is told, and stops nothing. `mask`: secrets that are known. */
export async function collect(parts: readonly Part[], mask: (text: string) => string): Promise<Collected> {
  const found = await mapBounded(parts, 4, (part) => collectPart(part, mask));
  return { files: found.flatMap(({ files }) => files), leftOut: found.flatMap(({ leftOut }) => leftOut) };
}

async function collectPart({ what, files }: Part, mask: (text: string) => string): Promise<Collected> {
  const why = (error: unknown) => mask(redactText(error instanceof Error ? error.message : String(error)));
  try {
    const all = await files();
    const missing = all.filter(({ content }) => content instanceof Error);
    const there = all.filter(({ content }) => !(content instanceof Error));
    const tooMany = { what, why: `there are ${there.length}; the first ${mostFiles} are in it` };
    return {
      files: there.slice(0, mostFiles).map(({ path, content }) => ({ path, text: textOf(content, mask) })),
      leftOut: [
        ...missing.map(({ path, content }) => ({ what: path, why: why(content) })),
        ...(there.length > mostFiles ? [tooMany] : []),
      ],
    };
  } catch (error) {
    return { files: [], leftOut: [{ what, why: why(error) }] };
  }
}

function textOf(content: unknown, mask: (text: string) => string): string {
  const text =
    typeof content === 'string'
      ? redactText(content)
      : stringify(redactValue(content), { lineWidth: 0, aliasDuplicateObjects: false });
  const masked = mask(text);
  // The end of a log is what matters.
  return masked.length <= mostBytes
    ? masked
    : `(the first ${masked.length - mostBytes} characters are left out)\n${masked.slice(-mostBytes)}`;
}

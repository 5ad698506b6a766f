import {
  type Document,
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  parseDocument,
  visit,
  type YAMLError,
} from 'yaml';
import type { Json } from '../run/key.ts';
import { plainJson } from './json.ts';
import { type Locate, type Path, type Position, type Problem, shown, toProblem } from './problem.ts';

/** A manifest as it stands in a file, before anything is known about what it says. */
export type YamlResult =
  | { readonly ok: true; readonly value: Json; readonly locate: Locate }
  | { readonly ok: false; readonly problems: readonly Problem[] };

/** The API server takes no more than this. */
const maxBytes = 1024 * 1024;
const maxProblems = 20;

/** A document with what is needed to tell places in it. */
interface File {
  readonly name: string;
  readonly document: Document;
  readonly lines: LineCounter;
}

/** Reads one YAML 1.2 document. What kubectl, which reads YAML 1.1, would take for another value is refused. */
export function readYaml(source: string, fileName: string): YamlResult {
  const bytes = Buffer.byteLength(source);
  if (bytes > maxBytes) return unreadable(fileName, `${bytes} bytes`, 'is larger than 1 MiB', 'Make it smaller.');
  try {
    return read(source, fileName);
  } catch (error) {
    // The parser throws on what it will not follow: too many aliases, nesting beyond the stack.
    const found = error instanceof RangeError ? 'nesting that is too deep' : String((error as Error).message);
    return unreadable(fileName, found, `cannot be read: ${found}`, 'Write it with fewer levels and aliases.');
  }
}

function read(source: string, name: string): YamlResult {
  const lines = new LineCounter();
  const document = parseDocument(source, {
    lineCounter: lines,
    prettyErrors: false,
    merge: true,
    resolveKnownTags: false,
    logLevel: 'error',
  });
  const file = { name, document, lines };
  const faults = [...document.errors, ...document.warnings].map((fault) => faultOf(fault, file));
  const problems = faults.length > 0 ? faults : findTraps(file);
  if (problems.length > 0) return { ok: false, problems: problems.slice(0, maxProblems) };
  const locate: Locate = (at) => position(file, at);
  const plain = plainJson(document.toJS());
  return plain.ok
    ? { ok: true, value: plain.value, locate }
    : { ok: false, problems: [toProblem(plain.finding, locate)] };
}

const unreadable = (file: string, found: string, what: string, fix: string): YamlResult => ({
  ok: false,
  problems: [{ path: '', file, found, message: `the manifest ${what}`, fix }],
});

const known: Partial<Record<YAMLError['code'], readonly [what: string, fix: string]>> = {
  DUPLICATE_KEY: ['the same key is given twice in one object', 'Keep one of the two.'],
  MULTIPLE_DOCS: ['several documents in one file', 'Keep one document in each file.'],
  TAB_AS_INDENT: ['a tab indents the line', 'Indent with spaces.'],
  TAG_RESOLVE_FAILED: ['a tag (!…) is not allowed in a manifest', 'Leave the tag out.'],
};

function faultOf({ code, message, pos }: YAMLError, file: File): Problem {
  const [what, fix] = known[code] ?? [message, 'Mend the YAML at this place.'];
  return { path: '', ...placeAt(file, pos[0]), found: code, message: `not valid YAML: ${what}`, fix };
}

const hazard = /^(?:y|yes|n|no|on|off|[-+]?0[0-9_]+|[-+]?[0-9][0-9_]*_[0-9_]*)$/i;

/**
 * Plain words and numbers that YAML 1.1 reads as something else (`no` is false there and `010` is eight),
 * and aliases that lead nowhere.
 */
function findTraps(file: File): Problem[] {
  const problems: Problem[] = [];
  visit(file.document, {
    Scalar(_key, { type, source, range }) {
      if (type !== 'PLAIN' || source === undefined || !hazard.test(source)) return;
      problems.push({
        path: '',
        ...placeAt(file, range?.[0] ?? 0),
        found: source,
        message: `${shown(source)} without quotes means another value to kubectl, which reads YAML 1.1`,
        fix: `Write "${source}" with quotes for the text, or the number or true or false that is meant.`,
      });
    },
    Alias(_key, alias) {
      if (alias.resolve(file.document)) return;
      problems.push({
        path: '',
        ...placeAt(file, alias.range?.[0] ?? 0),
        found: `*${alias.source}`,
        message: `the alias *${alias.source} has no anchor &${alias.source} before it`,
        fix: 'Name an anchor that stands earlier in the file.',
      });
    },
  });
  return problems;
}

/** The place of a path, or of the nearest thing around it that the file has. */
function position(file: File, at: Path): Position | undefined {
  let node: unknown = file.document.contents;
  let offset = file.document.contents?.range?.[0];
  for (const part of at) {
    const child = childOf(isAlias(node) ? node.resolve(file.document) : node, part);
    if (!child) break;
    offset = child.offset ?? offset;
    node = child.node;
  }
  return offset === undefined ? undefined : placeAt(file, offset);
}

function childOf(node: unknown, part: string | number): { node: unknown; offset: number | undefined } | undefined {
  if (isSeq(node)) {
    const item = node.items[Number(part)];
    return isNode(item) ? { node: item, offset: item.range?.[0] } : undefined;
  }
  if (!isMap(node)) return undefined;
  const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === String(part));
  return pair && isScalar(pair.key) ? { node: pair.value, offset: pair.key.range?.[0] } : undefined;
}

function placeAt({ name, lines }: File, offset: number): Position {
  const { line, col } = lines.linePos(offset);
  return { file: name, line, column: col };
}

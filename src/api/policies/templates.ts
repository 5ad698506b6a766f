import { TerminalError } from '../../run/errors.ts';
import { templatePaths } from '../../run/template.ts';
import { loadedColumns } from '../columnNames.ts';
import type { Dataset, Pipeline } from '../pipeline.ts';
import { type Finding, nearest, type Path, shown } from '../problem.ts';
import type { Policy } from './policy.ts';

/**
 * Templates stand only where a run's values can do no harm, and name only what there is. Anywhere else a value that
 * comes from the API could become SQL, a host or a header.
 */
export const knownTemplates: Policy = (pipeline) => {
  const places = [...textsOf(pipeline.spec, ['spec'])].filter(({ text }) => text.includes('{{'));
  return places.flatMap(({ at, text, isKey }) => {
    const dataset = pipeline.spec.datasets[Number(at[2])];
    if (at.at(-1) === 'description') return [];
    if (at[1] !== 'datasets' || dataset === undefined || isKey || !mayHoldTemplate(at.slice(3))) return [misplaced(at)];
    return templateFindings(at, text, knownPaths(pipeline, dataset));
  });
};

const places: readonly Path[] = [
  ['extract', 'rest', 'path'],
  ['extract', 'rest', 'query'],
  ['extract', 'rest', 'body'],
  ['extract', 'crawl', 'start'],
  ['extract', 'files', 'paths'],
];

const mayHoldTemplate = (at: Path): boolean => places.some((place) => place.every((part, index) => at[index] === part));

const misplaced = (at: Path): Finding => ({
  at,
  what: 'found a template, which is not allowed here',
  found: 'a template',
  allowed: 'templates in extract.rest.path, query and body, extract.crawl.start and extract.files.paths',
  fix: 'Write the value itself.',
});

function templateFindings(at: Path, text: string, known: readonly string[]): Finding[] {
  try {
    return templatePaths(text)
      .filter((path) => !known.includes(path))
      .map((path) => unknownPath(at, path, known));
  } catch (error) {
    if (!(error instanceof TerminalError)) throw error;
    return [{ at, what: error.message, found: shown(text), fix: 'Mend the template.' }];
  }
}

function unknownPath(at: Path, path: string, known: readonly string[]): Finding {
  const suggestion = nearest(path, known);
  return {
    at,
    what: `found {{ ${path} }}, which is not known here`,
    found: `{{ ${path} }}`,
    allowed: known.join(', '),
    ...(suggestion === undefined ? {} : { suggestion }),
    fix: suggestion === undefined ? `Declare it under params, or use ${known.join(' or ')}.` : `Write ${suggestion}.`,
  };
}

/** What templates of a dataset's extract can name. */
function knownPaths({ spec }: Pipeline, { extract }: Dataset): string[] {
  const items = spec.datasets.find(({ name }) => name === extract.rest?.forEach?.dataset);
  return [
    ...spec.params.map(({ name }) => `params.${name}`),
    'slice.asOf',
    ...(extract.window ? ['slice.start', 'slice.end'] : []),
    ...(items ? loadedColumns(items.clean) : []).map(({ name }) => `item.${name}`),
  ];
}

/** Every text of a value, keys of objects too. */
function* textsOf(
  value: unknown,
  at: Path,
): Generator<{ readonly at: Path; readonly text: string; readonly isKey: boolean }> {
  if (typeof value === 'string') yield { at, text: value, isKey: false };
  if (Array.isArray(value)) for (const [index, item] of value.entries()) yield* textsOf(item, [...at, index]);
  else if (typeof value === 'object' && value !== null) {
    for (const [name, member] of Object.entries(value)) {
      if (name.includes('{{')) yield { at: [...at, name], text: name, isKey: true };
      yield* textsOf(member, [...at, name]);
    }
  }
}

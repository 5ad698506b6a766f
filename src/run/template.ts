import { TerminalError } from './errors.ts';
import type { Json } from './key.ts';
import { strftime } from './strftime.ts';
import type { Slice } from './types.ts';

/**
 * Templates of a manifest: `{{ path }}` or `{{ path | filter }}`, nothing else. No code, no environment and no clock,
 * so that a replay renders the same bytes.
 */
export interface TemplateValues {
  readonly params: Readonly<Record<string, Json>>;
  readonly slice: Readonly<Record<string, Json>>;
  readonly item?: Readonly<Record<string, Json>>;
}

/** What the templates of a step can name of its slice. */
export const sliceValues = ({ asOf, ...slice }: Slice): TemplateValues['slice'] =>
  'start' in slice ? { asOf, start: slice.start, end: slice.end } : { asOf };

interface Expression {
  /** The text between the braces, for messages. */
  readonly source: string;
  readonly path: string;
  readonly filter?: { readonly apply: Filter['apply']; readonly args: readonly string[] };
}

/** The text with every template replaced by its value. */
export function renderText(text: string, values: TemplateValues): string {
  return parse(text)
    .map((part) => (typeof part === 'string' ? part : inText(evaluate(part, values), part)))
    .join('');
}

/** A body: every text in it is rendered; a text that is only one template becomes the value itself, with its type. */
export function renderJson(template: Json, values: TemplateValues): Json {
  if (typeof template === 'string') {
    const [first, ...others] = parse(template);
    const alone = first !== undefined && typeof first !== 'string' && others.length === 0;
    return alone ? evaluate(first, values) : renderText(template, values);
  }
  if (Array.isArray(template)) return template.map((member: Json) => renderJson(member, values));
  if (template === null || typeof template !== 'object') return template;
  const members = Object.entries(template).filter((entry): entry is [string, Json] => entry[1] !== undefined);
  return Object.fromEntries(members.map(([name, member]) => [name, renderJson(member, values)]));
}

/** The paths that a text's templates name, in order. Throws on a template that cannot be read or has a wrong filter. */
export function templatePaths(text: string): string[] {
  return parse(text).flatMap((part) => (typeof part === 'string' ? [] : [part.path]));
}

const expressionSyntax = /^(?<path>[a-z]+\.[A-Za-z_][A-Za-z0-9_]*)\s*(?:\|\s*(?<filter>.*))?$/s;
const filterSyntax = /^(?<name>[a-z]+)\s*(?:\((?<args>\s*'[^']*'\s*(?:,\s*'[^']*'\s*)*)\))?$/;

function parse(text: string): (string | Expression)[] {
  const parts: (string | Expression)[] = [];
  let at = 0;
  for (let open = text.indexOf('{{'); open >= 0; open = text.indexOf('{{', at)) {
    const close = text.indexOf('}}', open);
    if (close < 0) throw invalid(text.slice(open), 'has no closing }}');
    if (open > at) parts.push(text.slice(at, open));
    parts.push(parseExpression(text.slice(open + 2, close).trim()));
    at = close + 2;
  }
  if (at < text.length) parts.push(text.slice(at));
  return parts;
}

function parseExpression(source: string): Expression {
  const { path, filter } = expressionSyntax.exec(source)?.groups ?? {};
  if (path === undefined) throw invalid(`{{ ${source} }}`, 'is not {{ path }} or {{ path | filter }}');
  return filter === undefined ? { source, path } : { source, path, filter: parseFilter(source, filter.trim()) };
}

function parseFilter(source: string, text: string): { apply: Filter['apply']; args: string[] } {
  const { name = '', args = '' } = filterSyntax.exec(text)?.groups ?? {};
  const values = [...args.matchAll(/'([^']*)'/g)].map(([, value = '']) => value);
  const filter = Object.hasOwn(filters, name) ? filters[name] : undefined;
  if (!filter || values.length < filter.least || values.length > filter.most) {
    const known = Object.values(filters).map(({ usage }) => usage);
    throw invalid(`{{ ${source} }}`, `the filter ${JSON.stringify(text)} is not one of ${known.join(', ')}`);
  }
  return { apply: filter.apply, args: values };
}

interface Filter {
  readonly usage: string;
  readonly least: number;
  readonly most: number;
  readonly apply: (value: Json, args: readonly string[], expression: Expression) => Json;
}

const filters: Readonly<Record<string, Filter>> = {
  date: {
    usage: "date('%Y-%m-%d'[, 'Area/City'])",
    least: 1,
    most: 2,
    apply: (value, [pattern = '', zone = 'UTC'], expression) =>
      strftime(moment(inText(value, expression), zone, expression), pattern),
  },
  urlencode: {
    usage: 'urlencode',
    least: 0,
    most: 0,
    apply: (value, _args, expression) => encodeURIComponent(inText(value, expression)),
  },
  json: { usage: 'json', least: 0, most: 0, apply: (value) => JSON.stringify(value) },
  default: {
    usage: "default('value')",
    least: 1,
    most: 1,
    apply: (value, [fallback = '']) => value ?? fallback,
  },
};

function evaluate(expression: Expression, values: TemplateValues): Json {
  const value = lookUp(expression, values);
  return expression.filter ? expression.filter.apply(value, expression.filter.args, expression) : value;
}

function lookUp({ source, path }: Expression, values: TemplateValues): Json {
  const roots: [string, Readonly<Record<string, Json>>][] = Object.entries(values);
  const known = new Map<string, Json>(
    roots.flatMap(([root, members]) => Object.entries(members).map(([name, value]) => [`${root}.${name}`, value])),
  );
  const value = known.get(path);
  if (value !== undefined) return value;
  throw invalid(`{{ ${source} }}`, `names ${path}; known here: ${[...known.keys()].sort().join(', ') || 'nothing'}`);
}

function inText(value: Json, { source }: Expression): string {
  if (value === null) throw invalid(`{{ ${source} }}`, "is null here; give it a value with | default('…')");
  if (typeof value === 'object') throw invalid(`{{ ${source} }}`, 'is a list or an object here; write it with | json');
  return String(value);
}

/** Text without an offset is taken as UTC. */
function moment(text: string, zone: string, { source }: Expression): Temporal.ZonedDateTime {
  try {
    const hasOffset = text.includes(':') && /(Z|[+-]\d\d:?\d\d)$/i.test(text);
    const instant = hasOffset
      ? Temporal.Instant.from(text)
      : Temporal.PlainDateTime.from(text).toZonedDateTime('UTC').toInstant();
    return instant.toZonedDateTimeISO(zone);
  } catch {
    throw invalid(
      `{{ ${source} }}`,
      `${JSON.stringify(text)} is not a moment, or ${JSON.stringify(zone)} not a time zone`,
    );
  }
}

const invalid = (what: string, why: string): TerminalError =>
  new TerminalError('TemplateInvalid', `template ${what}: ${why}`);

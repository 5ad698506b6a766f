import { z } from 'zod';
import { type Finding, nearest, type Path, shown } from './problem.ts';
import { vocabularies } from './words.ts';

/** Puts what a schema has against a value into words. */
export function schemaFindings(schema: z.ZodType, value: unknown, error: z.ZodError): Finding[] {
  return error.issues.flatMap((issue) => findingsOf(issue, schema, value));
}

function findingsOf(issue: z.core.$ZodIssue, schema: z.ZodType, root: unknown): Finding[] {
  const at = issue.path.map((part) => (typeof part === 'symbol' ? String(part) : part));
  const value = valueAt(root, at);
  const found = mayShow(at) ? shown(value) : 'a value that is not shown';
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => unknownField(at, key, schemaAt(schema, at)));
    case 'invalid_type':
      return [value === undefined ? missing(at, schemaAt(schema, at)) : wrongType(at, value, found, issue.expected)];
    case 'invalid_value':
      return [
        value === undefined ? missing(at, schemaAt(schema, at)) : notOneOf(at, value, found, issue.values.map(String)),
      ];
    case 'invalid_format':
      return [wrongForm(at, value, found, issue.message, schemaAt(schema, at))];
    case 'too_small':
      return [beyond(at, found, `at least ${issue.minimum}`, issue.origin)];
    case 'too_big':
      return [beyond(at, found, `at most ${issue.maximum}`, issue.origin)];
    case 'custom':
      return [{ at, what: issue.message, found, fix: String(issue.params?.fix ?? 'Change it.') }];
    default:
      return [{ at, what: issue.message, found, fix: 'Change it.' }];
  }
}

function unknownField(at: Path, key: string, schema: z.ZodType | undefined): Finding {
  const fields = schema instanceof z.ZodObject ? Object.keys(schema.shape) : [];
  const suggestion = nearest(key, fields);
  return {
    at: [...at, key],
    what: 'unknown field',
    found: key,
    ...(suggestion === undefined ? { allowed: fields.join(', ') || 'no fields at all' } : { suggestion }),
    fix: suggestion === undefined ? `Leave ${key} out.` : `Write ${suggestion} instead of ${key}.`,
  };
}

function missing(at: Path, schema: z.ZodType | undefined): Finding {
  const description = schema?.description;
  return {
    at,
    what: 'required, but missing',
    found: 'nothing',
    fix: description === undefined ? 'Add it.' : `Add it: ${description}`,
  };
}

const typeNames: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'an object',
  record: 'an object',
};

function wrongType(at: Path, value: unknown, found: string, expected: string): Finding {
  const allowed = typeNames[expected] ?? expected;
  const quote = expected === 'string' && (typeof value === 'number' || typeof value === 'boolean');
  const written = quote && mayShow(at) ? `: "${value}"` : '';
  return {
    at,
    what: `found ${found}`,
    found,
    allowed,
    fix: quote ? `Write it in quotes${written}.` : `Write ${allowed} here.`,
  };
}

function notOneOf(at: Path, value: unknown, found: string, words: readonly string[]): Finding {
  const suggestion = typeof value === 'string' && words.length > 1 ? nearest(value, words) : undefined;
  return {
    at,
    what: `found ${found}`,
    found,
    allowed: words.join(', '),
    ...(suggestion === undefined ? {} : { suggestion }),
    fix: `Write ${suggestion ?? words.join(' or ')}.`,
  };
}

function wrongForm(at: Path, value: unknown, found: string, allowed: string, schema: z.ZodType | undefined): Finding {
  const vocabulary = schema && vocabularies.get(schema);
  const suggestion =
    vocabulary && typeof value === 'string'
      ? (vocabulary.synonyms.get(value.toLowerCase()) ?? nearest(value, vocabulary.words))
      : undefined;
  return {
    at,
    what: `found ${found}`,
    found,
    allowed,
    ...(suggestion === undefined ? {} : { suggestion }),
    fix: suggestion === undefined ? `Write ${allowed}.` : `Write ${suggestion}.`,
  };
}

const units: Readonly<Record<string, string>> = { string: ' characters', array: ' items' };

function beyond(at: Path, found: string, bound: string, origin: string): Finding {
  const allowed = `${bound}${units[origin] ?? ''}`;
  return { at, what: `found ${found}`, found, allowed, fix: `Write ${allowed}.` };
}

/** Places where somebody may have written a secret, though there are better ones: what they hold is told to nobody. */
const discreet: readonly unknown[] = ['headers', 'query', 'body', 'baseUrl', 'tokenUrl', 'urls', 'start'];

const mayShow = (at: Path): boolean => !at.some((part) => discreet.includes(part));

function valueAt(root: unknown, at: Path): unknown {
  let value = root;
  for (const part of at) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, part)) return undefined;
    value = (value as Record<string | number, unknown>)[part];
  }
  return value;
}

/** The schema of the value at a path, without the wrappers that make it optional or give it a default. */
function schemaAt(root: z.ZodType, at: Path): z.ZodType | undefined {
  let schema: z.ZodType | undefined = unwrapped(root);
  for (const part of at) {
    if (schema instanceof z.ZodObject) schema = schema.shape[part] as z.ZodType | undefined;
    else if (schema instanceof z.ZodArray) schema = schema.element as z.ZodType;
    else if (schema instanceof z.ZodRecord) schema = schema.valueType as z.ZodType;
    else return undefined;
    schema = schema && unwrapped(schema);
  }
  return schema;
}

function unwrapped(schema: z.ZodType): z.ZodType {
  let inner = schema;
  while (
    inner instanceof z.ZodOptional ||
    inner instanceof z.ZodExactOptional ||
    inner instanceof z.ZodDefault ||
    inner instanceof z.ZodPrefault
  ) {
    inner = inner.unwrap() as z.ZodType;
  }
  return inner;
}

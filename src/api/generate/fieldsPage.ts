import { unbuilt } from '../built.ts';
import { durationPattern, sizePattern } from '../parseUnits.ts';
import type { CelRule } from '../rules.ts';
import { decimalPattern } from '../units.ts';
import { crdSchema, type Kind } from './crd.ts';
import type { Schema } from './structural.ts';

/** One object of the manifest: a section of the page with a table of its fields. */
interface Section {
  readonly path: string;
  readonly schema: Schema;
}

/** The reference page of a kind: every field with its type, default and meaning. */
export function fieldsPage(kind: Kind): string {
  const { properties = {} } = crdSchema(kind);
  return [introduction(kind), ...['spec', 'status'].map((path) => sectionsText(path, properties[path] ?? {}))].join(
    '\n',
  );
}

/** An object and all objects in it, a table of fields each. */
export const sectionsText = (path: string, schema: Schema): string =>
  sectionsOf({ path, schema })
    .map((section) => sectionText(section))
    .join('\n');

const introduction = ({ kind, shortName }: Kind): string => `# ${kind}

\`apiVersion: jobpulse.dev/v1alpha1\`, \`kind: ${kind}\`, short name \`${shortName}\`, category \`jobpulse\`.

Fields marked **required** must be given. Every other field may be left out; its default, where there is one, is in the table.
A field that this version does not act on yet is marked *not built yet* ([list](not-built.md)): a manifest that uses it is refused by name.
`;

/** An object and all objects below it, in the order of the schema. */
function sectionsOf({ path, schema }: Section): Section[] {
  const below = Object.entries(schema.properties ?? {}).flatMap(([name, member]) => {
    const inner = member.items ?? member;
    const place = `${path}.${name}${member.items ? '[]' : ''}`;
    return inner.properties && Object.keys(inner.properties).length > 0
      ? sectionsOf({
          path: place,
          schema: inner === member ? member : { ...inner, description: inner.description ?? '' },
        })
      : [];
  });
  return [{ path, schema }, ...below];
}

function sectionText({ path, schema }: Section): string {
  const required = new Set(schema.required ?? []);
  const fields = Object.entries(schema.properties ?? {}).map(([name, member]) => {
    const marks = `${required.has(name) ? ' **required**' : ''}${isUnbuilt(path, name) ? ' *not built yet*' : ''}`;
    return `| \`${name}\`${marks} | ${typeText(member)} | ${defaultText(member)} | ${meaning(path, name, member)} |`;
  });
  const rules = ((schema['x-kubernetes-validations'] ?? []) as readonly CelRule[]).map(({ message }) => `- ${message}`);
  return [
    `## ${path}\n`,
    ...(schema.description ? [`${schema.description}\n`] : []),
    ...(rules.length > 0 ? [`${rules.join('\n')}\n`] : []),
    '| field | type | default | meaning |\n| --- | --- | --- | --- |',
    `${fields.join('\n')}\n`,
  ].join('\n');
}

function meaning(path: string, name: string, schema: Schema): string {
  const refused = unbuilt.filter(({ at }) => placeOf(at) === `${path}.${name}` && schema.enum);
  const values = refused.flatMap(({ parts }) => parts).map((part) => `\`${part}\``);
  const note = values.length === 0 ? '' : ` *Not built yet: ${values.join(', ')}.*`;
  return `${cell(schema.description ?? '')}${note}`;
}

const placeOf = (at: string): string => (at === '' ? 'spec' : `spec.${at}`);

const isUnbuilt = (path: string, name: string): boolean =>
  unbuilt.some(({ at, parts }) => placeOf(at) === path && parts.includes(name));

/** Texts of a form that has a name. */
const forms: ReadonlyMap<unknown, string> = new Map([
  [durationPattern.source, 'duration'],
  [sizePattern.source, 'size'],
  [decimalPattern.source, 'number as text'],
]);

const types: Readonly<Record<string, string>> = { string: 'text', integer: 'whole number', boolean: 'true or false' };

function typeText(schema: Schema): string {
  if (schema['x-kubernetes-int-or-string'] === true) return 'whole number or word';
  if (Array.isArray(schema.enum)) return (schema.enum as string[]).map((word) => `\`${word}\``).join(' \\| ');
  if (schema.items) return `list of ${schema.items.properties ? 'objects' : typeText(schema.items)}`;
  if (typeof schema.additionalProperties === 'object') return 'texts by name';
  if (schema.format === 'date-time') return 'moment in UTC';
  return forms.get(schema.pattern) ?? types[schema.type ?? ''] ?? schema.type ?? '';
}

const defaultText = (schema: Schema): string =>
  schema.default === undefined || typeof schema.default === 'object' ? '' : `\`${cell(String(schema.default))}\``;

/** Text that cannot break a table. */
export const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('<', '&lt;').replaceAll('\n', ' ');

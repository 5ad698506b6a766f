import { stringify } from 'yaml';
import { crdOf, type Kind, kinds } from './crd.ts';
import { fieldsPage } from './fieldsPage.ts';
import { jsonSchemaOf } from './jsonSchema.ts';
import { notBuiltPage } from './notBuiltPage.ts';
import { wordsPage } from './wordsPage.ts';

/** Everything that is made from the schemas: path in the repository → text. */
export const generatedFiles = (): ReadonlyMap<string, string> =>
  new Map([
    ...kinds.flatMap(filesOf),
    ['docs/reference/conditions.md', wordsPage()],
    ['docs/reference/not-built.md', notBuiltPage()],
  ]);

const filesOf = (kind: Kind): [string, string][] => [
  [
    `crds/jobpulse.dev_${kind.plural}.yaml`,
    `${header}${stringify(crdOf(kind), { lineWidth: 0, aliasDuplicateObjects: false, compat: 'yaml-1.1' })}`,
  ],
  [`docs/reference/${kind.kind.toLowerCase()}.md`, fieldsPage(kind)],
  [`docs/reference/${kind.kind.toLowerCase()}.schema.json`, `${JSON.stringify(jsonSchemaOf(kind), null, 1)}\n`],
];

const header = '# Made from src/api by `npm run generate`; a change made here is lost.\n';

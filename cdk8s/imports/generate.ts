import { valuesSchema } from '../../scripts/valuesSchema.ts';
import { kinds } from '../../src/api/generate/crd.ts';
import { jsonSchemaOf } from '../../src/api/generate/jsonSchema.ts';
import { typescriptTypes } from './typescript.ts';

const header = '/** Made by `npm run generate` from what it describes; a change made here is lost. */\n\n';

/** The types of what constructs take: path in the repository → text. */
export const importedTypes = (values: string): readonly (readonly [string, string])[] => [
  ['cdk8s/imports/jobpulse.dev.ts', header + kinds.map((kind) => specTypes(kind.kind, jsonSchemaOf(kind))).join('\n')],
  ['cdk8s/imports/values.ts', header + typescriptTypes('Values', JSON.parse(valuesSchema(values)) as object)],
];

/** Status is the controller's to write, and what is around the spec is the same for all kinds. */
function specTypes(kind: string, schema: { readonly properties?: { readonly spec?: object } }): string {
  return typescriptTypes(`${kind}ManifestSpec`, schema.properties?.spec ?? {});
}

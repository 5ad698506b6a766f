/**
 * Definitions of the kinds of Google's Config Connector that we use, written from its reference: the fields that are there,
 * their types, and no others. Its Go module cannot be fetched with a digest that somebody vouches for, so these stand in for
 * its own definitions: a field that is misspelt or of another type is found, a change of theirs is not.
 */

const text = { type: 'string' };
const flag = { type: 'boolean' };
const number = { type: 'integer' };
const list = (items: object) => ({ type: 'array', items });
const object = (properties: object, ...required: string[]) => ({
  type: 'object',
  properties,
  ...(required.length > 0 && { required }),
});
const words = (...values: string[]) => ({ type: 'string', enum: values });

const bucket = object({
  ...{ location: text, resourceID: text, storageClass: text, uniformBucketLevelAccess: flag, requesterPays: flag },
  publicAccessPrevention: words('enforced', 'inherited'),
  versioning: object({ enabled: flag }, 'enabled'),
  lifecycleRule: list(
    object(
      {
        action: object(
          { type: words('Delete', 'SetStorageClass', 'AbortIncompleteMultipartUpload'), storageClass: text },
          'type',
        ),
        condition: object({ age: number, createdBefore: text, numNewerVersions: number, matchesPrefix: list(text) }),
      },
      ...['action', 'condition'],
    ),
  ),
});

const dataset = object({
  ...{ resourceID: text, description: text, friendlyName: text, location: text, isCaseInsensitive: flag },
  access: list(object({ role: text, userByEmail: text, groupByEmail: text, specialGroup: text, domain: text })),
  projectRef: object({ external: text, name: text, namespace: text }),
});

const account = object({ displayName: text, description: text, disabled: flag, resourceID: text });

const reference = object({ name: text, namespace: text }, 'name');
const partialPolicy = object(
  {
    resourceRef: object({ kind: text, apiVersion: text, name: text, namespace: text, external: text }, 'kind'),
    bindings: list(
      object(
        {
          role: { type: 'string', pattern: '^((projects|organizations)/[^/]+/)?roles/[A-Za-z0-9_.]+$' },
          members: list({
            ...object({ member: text, memberFrom: object({ serviceAccountRef: reference }) }),
            oneOf: [{ required: ['member'] }, { required: ['memberFrom'] }],
          }),
        },
        'role',
      ),
    ),
  },
  'resourceRef',
);

const definition = (group: string, kind: string, spec: object): object => {
  const plural = kind.toLowerCase().replace(/y$/, 'ie').concat('s');
  const schema = object({ apiVersion: text, kind: text, metadata: { type: 'object' }, spec });
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${group}.cnrm.cloud.google.com` },
    spec: {
      group: `${group}.cnrm.cloud.google.com`,
      names: { kind, plural, singular: kind.toLowerCase(), listKind: `${kind}List` },
      scope: 'Namespaced',
      versions: [{ name: 'v1beta1', served: true, storage: true, schema: { openAPIV3Schema: schema } }],
    },
  };
};

export const configConnectorKinds: readonly object[] = [
  definition('storage', 'StorageBucket', bucket),
  definition('bigquery', 'BigQueryDataset', dataset),
  definition('iam', 'IAMServiceAccount', account),
  definition('iam', 'IAMPartialPolicy', partialPolicy),
];

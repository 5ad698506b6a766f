import type { SecretKeyRef } from '../../../api/index.ts';
import type { Json } from '../../../run/key.ts';

/**
 * One volume of all secrets of a pool, a file `<secret>/<key>` each. Only the named keys are in it. The kubelet keeps
 * the files up to date, and steps read them at use: a new value needs no restart.
 */
export function secretVolume(refs: readonly SecretKeyRef[]): Json {
  const sources = Map.groupBy(refs, ({ name, optional }) => `${name} ${optional}`);
  return {
    name: 'secrets',
    projected: {
      sources: [...sources.values()].map((items) => ({
        secret: {
          name: items[0]?.name ?? '',
          items: items.map(({ name, key }) => ({ key, path: `${name}/${key}` })),
          optional: items[0]?.optional === true,
        },
      })),
    },
  };
}

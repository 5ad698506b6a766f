import { datasetsOf, type Policy } from './policy.ts';

/** Pseudonyms have a key: without one they could be undone by hashing every document number there is. */
export const keyedPseudonyms: Policy = (pipeline) => {
  if (pipeline.spec.privacy?.pseudonymKey) return [];
  return datasetsOf(pipeline).flatMap(({ dataset, at }) =>
    dataset.clean.columns.flatMap(({ name, pseudonym }, index) => {
      if (!pseudonym) return [];
      const place = [...at, 'clean', 'columns', index, 'pseudonym'];
      const fix = 'Write spec.privacy: {pseudonymKey: {secretKeyRef: {name: …, key: …}}}.';
      return [{ at: place, what: `found on ${name}, but there is no key for pseudonyms`, found: name, fix }];
    }),
  );
};

import { INTEGER, LIST, listValue } from '@duckdb/node-api';
import { experienceMentions, experienceYears } from './experience.ts';
import { textFunction } from './textFunction.ts';

/** Raised with every change of what is found in some text; a test holds it to the labelled cases. */
const rules = '1';

/** Every number of years of experience that a posting names. */
export const experienceMentionsFunction = textFunction(
  {
    name: 'experience_mentions',
    signature: 'experience_mentions(posting VARCHAR) → INTEGER[]',
    description:
      'The years of experience a posting names, required or preferred: each range by its lower end, each number once, ' +
      'ascending; empty when it names none.',
    rules,
  },
  LIST(INTEGER),
  (text) => listValue(experienceMentions(text)),
);

/** The least experience with which a person may apply. */
export const experienceYearsFunction = textFunction(
  {
    name: 'experience_years',
    signature: 'experience_years(posting VARCHAR) → INTEGER',
    description:
      'The fewest whole years of experience with which one may apply: the lowest of the required numbers, 0 when the ' +
      'posting says that none is needed, NULL when it says nothing.',
    rules,
  },
  INTEGER,
  experienceYears,
);

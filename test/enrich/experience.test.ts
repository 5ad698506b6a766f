import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { experienceMentions, experienceYears } from '../../src/enrich/experience.ts';
import { sqlFunctions } from '../../src/enrich/index.ts';
import { maxTextLength } from '../../src/enrich/text.ts';
import { digestOf } from '../../src/run/key.ts';
import { type Case, groups } from './experience.cases.ts';

const cases = Object.values(groups).flat();
const mentionsOf = ({ years, mentions }: Case): readonly number[] => mentions ?? (years === null ? [] : [years]);

describe.each(Object.entries(groups))('%s', (_, group) => {
  test.each(group.map((entry) => [entry.text, entry] as const))('%j', (text, entry) => {
    const found = { years: experienceYears(text), mentions: experienceMentions(text) };
    const label = { years: entry.years, mentions: mentionsOf(entry) };
    expect(found).toEqual(entry.reads ?? label);
    // An error that is no longer made must leave the list of known ones.
    if (entry.reads) expect(found).not.toEqual(label);
  });
});

test('precision and recall over the labelled cases do not fall', () => {
  const years = score(cases.map((entry) => [list(experienceYears(entry.text)), list(entry.years)]));
  const mentions = score(cases.map((entry) => [experienceMentions(entry.text), mentionsOf(entry)]));
  console.log(`${cases.length} labelled cases; experience_years ${told(years)}; experience_mentions ${told(mentions)}`);
  expect(cases.length).toBeGreaterThanOrEqual(150);
  for (const { precision, recall } of [years, mentions]) {
    expect(precision).toBeGreaterThanOrEqual(0.97);
    expect(recall).toBeGreaterThanOrEqual(0.95);
  }
});

const list = (years: number | null): readonly number[] => (years === null ? [] : [years]);
const told = ({ precision, recall }: { precision: number; recall: number }): string =>
  `precision ${precision.toFixed(3)}, recall ${recall.toFixed(3)}`;

/** Of the numbers found, how many are labelled; of the numbers labelled, how many are found. */
function score(pairs: readonly (readonly [found: readonly number[], labelled: readonly number[]])[]) {
  const sum = (count: (found: readonly number[], labelled: readonly number[]) => number) =>
    pairs.reduce((total, [found, labelled]) => total + count(found, labelled), 0);
  const right = sum((found, labelled) => found.filter((years) => labelled.includes(years)).length);
  return { precision: right / sum((found) => found.length), recall: right / sum((_, labelled) => labelled.length) };
}

test('a changed result raises the version of the rules, and with it the keys of the work that used them', () => {
  const results = cases.map(({ text }) => [text, experienceYears(text), experienceMentions(text)]);
  const versions = sqlFunctions.filter(({ name }) => name.startsWith('experience_')).map(({ rules }) => rules);
  // A new case changes the digest alone. Another result for an old case must also raise `rules`.
  expect({ versions, results: digestOf(results) }).toEqual({
    versions: ['1', '1'],
    results: 'sha256:af3abd8754d3e2ff2ef3ec50dc5cb606e52a2d510585149dde5428938e5fe879',
  });
});

describe('how a text is written does not matter', () => {
  const forms: Readonly<Record<string, (text: string) => string>> = {
    'capital letters': (text) => text.toUpperCase(),
    'blanks that do not break': (text) => text.replaceAll(' ', '\u00a0'),
    'letters and accents apart': (text) => text.normalize('NFD'),
    'numbers highlighted': (text) => text.replace(/\d+/g, '<c0>$&</c0>'),
    'a paragraph of HTML': (text) => `<p class="x">${text.replaceAll('<', '&lt;').replaceAll('\n', '<br/>\r\n')}</p>`,
    'lines broken at words': (text) => text.replace(/ (?=[a-z])/g, '\r\n'),
  };
  const plain = cases.filter(({ text }) => !/[<&•]|\n/.test(text));
  test.each(Object.entries(forms))('%s', (_, form) => {
    for (const { text } of plain)
      expect([text, experienceMentions(form(text))]).toEqual([text, experienceMentions(text)]);
  });
});

test('any text gives whole numbers from 0 to 30, the required one among those mentioned', () => {
  const word = fc.constantFrom(
    '5',
    'two',
    '(3)',
    '+',
    '-',
    'to',
    'years',
    'años',
    'of',
    'experience',
    'no',
    '.',
    '\n',
    ':',
    '<b>',
  );
  const text = fc.oneof(
    fc.string({ unit: 'grapheme' }),
    fc.array(word).map((words) => words.join(' ')),
  );
  fc.assert(
    fc.property(text, (posting) => {
      const mentions = experienceMentions(posting);
      const years = experienceYears(posting);
      expect(mentions.every((number) => Number.isInteger(number) && number >= 0 && number <= 30)).toBe(true);
      expect(mentions).toEqual([...new Set(mentions)].sort((a, b) => a - b));
      expect(years === null ? mentions.length === 0 : mentions.includes(years)).toBe(true);
    }),
  );
});

describe('the work per text is bounded', () => {
  const filler = 'We make valves for ships and pumps for mines. ';
  const long = filler.repeat(Math.ceil(maxTextLength / filler.length)).slice(0, maxTextLength);

  test('what stands beyond the limit is not read', () => {
    expect(experienceYears(`5 years of experience. ${long}`)).toBe(5);
    expect(experienceYears(`${long} 5 years of experience.`)).toBeNull();
  });

  const repeated = [
    '5 years ',
    '5 years. ',
    '1 1 1 years ',
    'one or two or years ',
    'a ',
    '<a ',
    '&amp;',
    '((1) ',
    ' \nx',
    'experience: ',
    'experience of of of 5 years and and ',
    'no prior ',
    '\ufdfa',
    '\u00f1',
    '1,1,1 ',
  ];
  test.each(repeated)('100,000 characters of %j', (unit) => {
    const text = unit.repeat(Math.ceil(maxTextLength / unit.length));
    const start = performance.now();
    experienceMentions(text);
    expect(performance.now() - start).toBeLessThan(3000);
  });
});

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { describe, expect, test } from 'vitest';
import { parsePipeline } from '../../src/api/index.ts';
import { verbs } from '../../src/cli/index.ts';
import { plugin } from '../../src/cli/plugin.ts';
import { programOf } from '../../src/cli/program.ts';
import { isThere, readDocument, readDocuments, root } from './markdown.ts';

const documents = readDocuments();
const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { scripts: Record<string, string> };

const program = programOf({ name: 'jobpulse', description: '', home: 'machine', verbs });
const kubectlPlugin = programOf(plugin);

/** What is wrong with the words after `bin/jobpulse`: verbs and options that there are none of. */
function unknownWords(command: Command, words: readonly string[]): string[] {
  const [word, ...rest] = words;
  const next = command.commands.find((candidate) => candidate.name() === word);
  if (next) return unknownWords(next, rest);
  const options = words.filter((each) => /^--?[a-z]/.test(each)).map((each) => each.split('=', 1)[0] ?? each);
  const known = command.options.flatMap(({ long, short }) => [long, short]);
  const unknown = options.filter((option) => !known.includes(option));
  return command.commands.length > 0 && word !== undefined ? [word, ...unknown] : unknown;
}

describe.each(documents.map((document) => [document.path, document] as const))('%s', (_, document) => {
  test('names files that are there', () => {
    expect(document.names.filter((name) => !isThere(name))).toEqual([]);
  });

  test('runs scripts, verbs and options that there are', () => {
    const wrong = document.commands.flatMap((command) => {
      const script = /\bnpm run ([\w:-]+)/.exec(command)?.[1];
      const [, kubectl, words] = /(?:^|[;&|]\s*|\s)(kubectl )?(?:bin\/)?jobpulse\s(.*)/.exec(command) ?? [];
      return [
        ...(script !== undefined && scripts[script] === undefined ? [`npm run ${script}`] : []),
        ...(words === undefined ? [] : unknownWords(kubectl ? kubectlPlugin : program, words.split(/\s+/))),
      ];
    });
    expect(wrong).toEqual([]);
  });

  test('shows manifests that are valid', () => {
    const manifests = document.yaml.filter((block) => /^apiVersion:/m.test(block) && /^kind: Pipeline$/m.test(block));
    const problems = manifests.map((manifest) => parsePipeline(manifest, document.path)).filter(({ ok }) => !ok);
    expect(problems).toEqual([]);
  });
});

test('the documents of the examples are among those that are read', () => {
  expect(documents.map(({ path }) => path)).toEqual(
    expect.arrayContaining(['examples/usajobs/README.md', 'examples/vacancies/README.md']),
  );
});

test('what a document says is found in it', () => {
  const text = [
    'See [the guide](../guide.md#start) and `src/nowhere.ts`, not `src/<stage>.ts`.',
    '```sh',
    'npm run nothing   # a comment',
    "bin/jobpulse run examples/none.yaml \\\n  --sett 'a=b'",
    '```',
  ].join('\n');
  const document = readDocument('docs/a/b.md', text);
  expect(document.names).toEqual(['bin/jobpulse', 'docs/guide.md', 'examples/none.yaml', 'src/nowhere.ts']);
  expect(document.commands).toEqual(['npm run nothing', "bin/jobpulse run examples/none.yaml --sett 'a=b'"]);
  expect(unknownWords(program, ['run', 'examples/none.yaml', '--sett', "'a=b'"])).toEqual(['--sett']);
  expect(unknownWords(program, ['fly', 'away'])).toEqual(['fly']);
});

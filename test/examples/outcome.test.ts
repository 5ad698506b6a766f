import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { jobpulse, secretsOf, temporaryFolder } from '../e2e/harness.ts';
import { startUsajobs } from '../servers/usajobs/double.ts';
import { root } from './markdown.ts';

/** The lines that the README of an example shows as printed by a run. Only the seconds may differ. */
function shown(example: string): string[] {
  const text = readFileSync(join(root, 'examples', example, 'README.md'), 'utf8');
  const blocks = [...text.matchAll(/^```text\n(.*?)^```/gms)].map(([, body = '']) => body);
  return timeless(blocks.join(''));
}

const timeless = (text: string): string[] =>
  text
    .trim()
    .replaceAll(/\d+\.\d s$/gm, '… s')
    .split('\n');

test('the vacancies example prints what its README shows', async () => {
  const manifest = join(root, 'examples/vacancies/pipeline.yaml');
  const { code, stdout } = await jobpulse(['run', manifest, '--data-dir', temporaryFolder()]);
  expect(timeless(stdout)).toEqual(shown('vacancies'));
  expect(code).toBe(0);
});

test('the usajobs example prints what its README shows', async () => {
  const double = await startUsajobs();
  try {
    const address = `spec.datasets[0].extract.rest.baseUrl=${double.url}`;
    const manifest = join(root, 'examples/usajobs/pipeline.yaml');
    const args = ['run', manifest, '--data-dir', temporaryFolder(), '--set', address];
    const { code, stdout } = await jobpulse(args, secretsOf(double));
    expect(timeless(stdout)).toEqual(shown('usajobs'));
    expect(code).toBe(3);
  } finally {
    await double.close();
  }
});

import { expect, test } from 'vitest';
import { completions } from '../../src/cli/complete.ts';
import { plugin } from '../../src/cli/plugin.ts';
import { programOf } from '../../src/cli/program.ts';
import { verbFirst } from '../../src/cli/verbFirst.ts';

const asked: unknown[] = [];
const complete = (...words: string[]) =>
  completions(programOf(plugin), words, async (what, options) => {
    asked.push([what, options]);
    return what === 'pipeline' ? ['coresignal', 'usajobs'] : [];
  });

test('verbs, options, choices of an option, choices of an argument', async () => {
  expect(await complete('')).toEqual(plugin.verbs.length > 0 ? expect.arrayContaining(['status', 'top', 'why']) : []);
  expect(await complete('re')).toEqual(expect.arrayContaining(['redrive', 'replay', 'resume']));
  expect(await complete('why', 'usajobs', '--ku')).toEqual(['--kubeconfig']);
  expect(await complete('backfill', 'usajobs', '--priority', '')).toEqual(['High', 'Low', 'Normal']);
  expect(await complete('why', 'usajobs', '')).toEqual(['clean', 'extract', 'warehouse']);
  expect(await complete('why', 'usajobs', 'clean', '')).toEqual([]);
});

test('names from the cluster and the namespace that the words before name', async () => {
  asked.length = 0;
  expect(await complete('why', '-n', 'jobs', '--context=prod', 'u')).toEqual(['usajobs']);
  expect(await complete('pause', '--run', '')).toEqual([]);
  expect(asked).toEqual([
    ['pipeline', { namespace: 'jobs', context: 'prod' }],
    ['run', {}],
  ]);
});

test('options that name a cluster may stand before the verb', () => {
  expect(verbFirst(['-n', 'jobs', '--context=prod', 'why', 'usajobs', 'clean'])).toEqual([
    ...['why', 'usajobs', 'clean', '-n', 'jobs', '--context=prod'],
  ]);
  for (const same of [['--help'], ['status', '-n', 'jobs'], []]) expect(verbFirst(same)).toEqual(same);
  expect(verbFirst(['-n'])).toEqual(['-n']);
});

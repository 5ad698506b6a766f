import { loadManifest, type Override } from './manifest.ts';
import { outputOption, setOption } from './options.ts';
import { print } from './output.ts';
import type { Verb } from './verb.ts';

/** `jobpulse validate`: says everything that is wrong with manifests, or that they are fine. */
export const validate: Verb = (program) => {
  program
    .command('validate')
    .description('check manifests without running anything')
    .argument('<manifest...>', 'YAML files of Pipelines')
    .addOption(setOption())
    .addOption(outputOption())
    .action(
      async (files: readonly string[], options: { readonly set: readonly Override[]; readonly output: string }) => {
        for (const file of files) {
          const { pipeline } = await loadManifest(file, options.set);
          const { datasets, transform } = pipeline.spec;
          const facts = {
            file,
            name: pipeline.metadata.name,
            datasets: datasets.length,
            models: transform?.models.length ?? 0,
          };
          const text = (it: typeof facts) =>
            `${file}: Pipeline ${it.name} is valid (${it.datasets} datasets, ${it.models} models)`;
          print(facts, options.output, text);
        }
      },
    );
};

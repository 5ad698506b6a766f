import { completions, type Names } from './complete.ts';
import { inPlace } from './places/open.ts';
import { plugin } from './plugin.ts';
import { programOf } from './program.ts';

/** As kubectl understands it: nothing more is to be completed from files. */
const noFiles = ':4';

const names: Names = (what, options) =>
  what === 'pipeline' || what === 'run'
    ? inPlace(options, async (place) => {
        const all = await (what === 'pipeline' ? place.pipelines() : place.runs());
        return all.map(({ metadata }) => metadata.name);
      })
    : Promise.resolve([]);

// Whoever cannot reach the cluster is not told so in the middle of a word.
const found = await completions(programOf(plugin), process.argv.slice(2), names).catch(() => []);
process.stdout.write(`${[...found, noFiles].join('\n')}\n`);

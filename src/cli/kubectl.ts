import { plugin } from './plugin.ts';
import { runProgram } from './program.ts';
import { verbFirst } from './verbFirst.ts';

await runProgram(plugin, verbFirst(process.argv.slice(2)));

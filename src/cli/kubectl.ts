import { plugin } from './plugin.ts';
import { runProgram } from './program.ts';

await runProgram(plugin);

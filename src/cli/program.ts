import { Command, CommanderError } from 'commander';
import { version } from '../version.ts';
import { exitCodeOf, exitCodes } from './exit.ts';
import type { Verb } from './verb.ts';

/** Does what the arguments of this process ask for; the verbs given are those that there are. */
export async function runProgram(verbs: readonly Verb[]): Promise<void> {
  const program = new Command('jobpulse')
    .description('Labour-market data pipelines: extract, clean, load and transform, on this machine or in a cluster.')
    .version(version)
    .exitOverride()
    .showHelpAfterError('(run with --help to see what is allowed)');
  for (const verb of verbs) verb(program);
  try {
    await program.parseAsync();
  } catch (error) {
    if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? exitCodes.done : exitCodes.invalid;
    else {
      process.stderr.write(`jobpulse: ${error instanceof Error ? error.message : String(error)}\n`);
      process.exitCode = exitCodeOf(error);
    }
  }
}

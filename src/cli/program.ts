import { Command, CommanderError } from 'commander';
import { version } from '../version.ts';
import { exitCodeOf, exitCodes } from './exit.ts';
import type { Home, Verb } from './verb.ts';

/** What a program is called, what it says of itself, and what it can do. */
export interface Face {
  readonly name: string;
  readonly description: string;
  readonly home: Home;
  /** In the order in which `--help` lists them. */
  readonly verbs: readonly Verb[];
}

/** The program of a face, which does nothing yet. */
export function programOf({ name, description, home, verbs }: Face): Command {
  const program = new Command(name)
    .description(description)
    .version(version)
    .exitOverride()
    .showHelpAfterError('(run with --help to see what is allowed)');
  for (const verb of verbs) verb(program, home);
  return program;
}

/** Does what the arguments ask for. Default: those of this process. */
export async function runProgram(face: Face, args: readonly string[] = process.argv.slice(2)): Promise<void> {
  const program = programOf(face);
  try {
    await program.parseAsync(args, { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? exitCodes.done : exitCodes.invalid;
    else {
      process.stderr.write(`${face.name}: ${error instanceof Error ? error.message : String(error)}\n`);
      process.exitCode = exitCodeOf(error);
    }
  }
}

import type { Command } from 'commander';

/** Adds a verb to the command line. */
export type Verb = (program: Command) => void;

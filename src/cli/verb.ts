import type { Command } from 'commander';

/** Where pipelines are unless an option says otherwise: on this machine, or, for kubectl's plugin, in its cluster. */
export type Home = 'machine' | 'cluster';

/** Adds a verb to the command line. */
export type Verb = (program: Command, home: Home) => void;

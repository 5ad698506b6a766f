import { pause, resume } from './pause.ts';
import { plan } from './plan.ts';
import { quarantine } from './quarantine.ts';
import { run } from './run.ts';
import { status } from './status.ts';
import { up } from './up.ts';
import { validate } from './validate.ts';
import type { Verb } from './verb.ts';
import { worker } from './worker.ts';

/** All verbs, in the order in which `--help` lists them. */
export const verbs: readonly Verb[] = [validate, plan, run, up, pause, resume, status, quarantine, worker];

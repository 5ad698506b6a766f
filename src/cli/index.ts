import { backfill } from './backfill.ts';
import { controller } from './controller.ts';
import { drain } from './drain.ts';
import { cancel, pause, resume } from './pause.ts';
import { plan } from './plan.ts';
import { quarantine } from './quarantine.ts';
import { redrive } from './redrive.ts';
import { replay } from './replay.ts';
import { report } from './report.ts';
import { run } from './run.ts';
import { status } from './status.ts';
import { top } from './top.ts';
import { up } from './up.ts';
import { validate } from './validate.ts';
import type { Verb } from './verb.ts';
import { why } from './why.ts';
import { worker } from './worker.ts';

/** All verbs, in the order in which `--help` lists them. */
export const verbs: readonly Verb[] = [
  validate,
  plan,
  run,
  up,
  status,
  top,
  why,
  pause,
  resume,
  cancel,
  drain,
  backfill,
  redrive,
  replay,
  quarantine,
  report,
  controller,
  worker,
];

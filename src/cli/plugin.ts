import { backfill } from './backfill.ts';
import { drain } from './drain.ts';
import { cancel, pause, resume } from './pause.ts';
import { pluginName } from './places/open.ts';
import type { Face } from './program.ts';
import { quarantine } from './quarantine.ts';
import { redrive } from './redrive.ts';
import { replay } from './replay.ts';
import { report } from './report.ts';
import { status } from './status.ts';
import { top } from './top.ts';
import { why } from './why.ts';

/** The program as kubectl's plugin: the verbs that make sense in a cluster, which is where it looks. */
export const plugin: Face = {
  name: pluginName,
  description: 'Looks at the Pipelines of a cluster, and steers them: in the context and namespace that kubectl uses.',
  home: 'cluster',
  verbs: [status, top, why, pause, resume, cancel, drain, backfill, redrive, replay, quarantine, report],
};

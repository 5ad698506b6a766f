import type { Condition, Pipeline, PipelineRun, PipelineStatus } from '../api/index.ts';
import { reasons } from '../api/reasons.ts';
import { hasEnded } from '../controller/runs.ts';
import { endedRuns } from '../controller/status/runs.ts';
import { type PoolName, poolNames, pools } from '../queue/names.ts';
import { endedText } from './ending.ts';

/** Lines about one thing. */
export interface Paragraph {
  readonly about: string;
  readonly lines: readonly string[];
}

/** What there is to explain. */
export interface Explained {
  readonly pipeline: Pick<Pipeline, 'metadata' | 'status'>;
  /** Its runs. */
  readonly runs: readonly PipelineRun[];
  /** As of the place where it is. */
  readonly command: (words: string) => string;
}

/** Says why a pipeline is as it is: each pool's number, what is not as it should be, and how the newest run ended. */
export function explain({ pipeline, runs, command }: Explained, only?: string): readonly Paragraph[] {
  const { metadata, status = {} } = pipeline;
  const shown = poolNames.filter((name) => only === undefined || name === only);
  const aboutPools = shown.flatMap((name) => aboutPool(name, status));
  if (only !== undefined && aboutPools.length > 0) return aboutPools;
  if (status.conditions === undefined) {
    return [{ about: metadata.name, lines: [`${metadata.name}: no controller has looked at it yet`] }];
  }
  return [...aboutPools, ...aboutConditions(metadata.name, status.conditions), ...aboutRuns(runs, command)];
}

type Stage = NonNullable<PipelineStatus['stages']>[number];

function aboutPool(name: PoolName, { stages = [] }: PipelineStatus): Paragraph[] {
  const own = stages.filter((stage) => (pools[name] as readonly string[]).includes(stage.name));
  const [first] = own;
  if (first === undefined) return [];
  const { replicas = 0, desired = 0, scaling } = first;
  const lines = [
    `${name}: ${count(desired, 'worker')} wanted, ${replicas} there; ${own.map(queueText).join('; ')}`,
    ...(scaling === undefined ? [] : [...reasonLines(scaling.reason), ...figureLines(scaling)]),
    ...(scaling?.limits ?? []).flatMap(reasonLines),
  ];
  return [{ about: name, lines }];
}

const count = (number: number, what: string): string => `${number} ${what}${number === 1 ? '' : 's'}`;

const queueText = ({ name, waiting, active, failed }: Stage): string =>
  waiting === undefined ? `${name}: not known` : `${name}: ${waiting} waiting, ${active} under way, ${failed} failed`;

/** A reason with the sentence that the reference has for it. */
const reasonLines = (reason: string): string[] => [`  ${reason}: ${meaningOf(reason)}`];

const meaningOf = (reason: string): string =>
  (Object.hasOwn(reasons, reason) ? reasons[reason as keyof typeof reasons] : undefined) ?? 'not known in this version';

/** The formula that the autoscaler uses, with the numbers that it had. */
function figureLines(scaling: NonNullable<Stage['scaling']>): string[] {
  const { want, load, active = 0, busy = 0, stepSeconds, concurrency, targetSeconds, min, max } = scaling;
  if (want === undefined || load === undefined || !concurrency || !targetSeconds) return [];
  if (load === 0) return [`  want = 0 without load; between ${min} and ${max}`];
  const seconds = stepSeconds ?? 1;
  const known =
    stepSeconds === undefined ? 'no step has ended yet, so one is taken to last 1 s' : `a step takes ${seconds} s`;
  const formula = `ceil((${load} − ${active}) · ${seconds} / (${concurrency} · ${targetSeconds}) + ${active} / ${concurrency})`;
  return [
    `  ${count(load, 'step')}, ${active} under way on ${count(busy, 'worker')}; ${known}; a worker does ${concurrency} at a time; all is to be done in ${targetSeconds} s`,
    `  want = ${formula} = ${want}${isLeast(scaling, seconds) ? ', at least one with load' : ''}; between ${min} and ${max}`,
  ];
}

/** Whether the formula alone gives less than what is wanted, because there is always somebody for what is there. */
const isLeast = (
  { want, load = 0, active = 0, concurrency = 1, targetSeconds = 1 }: NonNullable<Stage['scaling']>,
  seconds: number,
) => want === 1 && ((load - active) * seconds) / (concurrency * targetSeconds) + active / concurrency <= 0;

/** Which status each condition should have; `Unknown` may need no more than time. */
const healthy: Readonly<Record<string, Condition['status']>> = { Suspended: 'False' };

function aboutConditions(pipeline: string, conditions: readonly Condition[]): Paragraph[] {
  const wrong = conditions.filter(({ type, status }) => status !== (healthy[type] ?? 'True'));
  if (wrong.length === 0) return [{ about: 'conditions', lines: [`${pipeline}: everything is as it should be`] }];
  return wrong.map(({ type, status, reason, message, lastTransitionTime }) => ({
    about: type,
    lines: [
      `${type} is ${status} since ${lastTransitionTime}: ${reason}: ${meaningOf(reason)}`,
      ...message.split('\n').flatMap((line) => (line === '' || line === meaningOf(reason) ? [] : [`  ${line}`])),
    ],
  }));
}

function aboutRuns(runs: readonly PipelineRun[], command: Explained['command']): Paragraph[] {
  const going = runs.filter((run) => !hasEnded(run)).map(aboutGoing);
  const [newest] = endedRuns({ runs });
  if (newest === undefined) return [...going, { about: 'runs', lines: ['no run has ended yet'] }];
  const { failed = 0 } = newest.status?.steps ?? {};
  const again = failed > 0 ? [`  do again what failed with: ${command(`redrive ${newest.metadata.name}`)}`] : [];
  return [
    ...going,
    {
      about: newest.metadata.name,
      lines: ['the newest run that ended:', ...endedText(newest).map((line) => `  ${line}`), ...again],
    },
  ];
}

function aboutGoing({ metadata: { name }, status }: PipelineRun): Paragraph {
  const { phase = 'Pending', steps } = status ?? {};
  const far = !steps?.total ? '' : `: ${steps.done ?? 0} done of the ${count(steps.total, 'step')} planned so far`;
  return { about: name, lines: [`a run that goes on: ${name}, ${phase}${far}`] };
}

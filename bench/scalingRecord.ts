/** What was seen of a pool at one moment, while work came, was done and was over. */
export interface Sample {
  /** Since the first step was queued. */
  readonly seconds: number;
  /** Steps that wait or are under way. */
  readonly backlog: number;
  /** Workers: wanted by the autoscaler, ready, and with steps under way. */
  readonly desired: number;
  readonly ready: number;
  readonly busy: number;
  /** Steps that have ended since the first. */
  readonly done: number;
}

/** A flood of steps that one pool takes, from zero workers to zero workers. */
export interface ScalingRecord {
  readonly steps: number;
  /** Steps that one worker does at the same time, and the most workers there may be. */
  readonly concurrency: number;
  readonly max: number;
  /** How long the source takes to answer. */
  readonly sourceMs: number;
  /** From the first step queued to the first that a worker took, in seconds. */
  readonly firstStepSeconds: number;
  /** Steps that were given back, aborted, or spent an attempt. */
  readonly interrupted: number;
  readonly samples: readonly Sample[];
}

/** What a record says in figures. */
export interface ScalingFigures {
  /** When the last step ended, and when the last worker was gone. */
  readonly lastStepSeconds: number;
  readonly zeroSeconds: number;
  readonly mostReady: number;
  /** Steps a second while there were any. */
  readonly throughput: number;
  /** Seconds of all workers together, and those of them without a step under way. */
  readonly workerSeconds: number;
  readonly idleSeconds: number;
}

export function figuresOf({ samples, steps, firstStepSeconds }: ScalingRecord): ScalingFigures {
  const ended = samples.find(({ done }) => done >= steps)?.seconds ?? Number.NaN;
  const lastAwake = samples.findLastIndex(({ desired, ready }) => desired + ready > 0);
  const zero = samples[lastAwake + 1]?.seconds ?? Number.NaN;
  // What is seen holds until the next sample.
  const sum = (of: (sample: Sample) => number): number =>
    samples.reduce(
      (total, sample, at) => total + of(sample) * ((samples[at + 1] ?? sample).seconds - sample.seconds),
      0,
    );
  return {
    lastStepSeconds: ended,
    zeroSeconds: zero,
    mostReady: Math.max(...samples.map(({ ready }) => ready)),
    throughput: steps / (ended - firstStepSeconds),
    workerSeconds: sum(({ ready }) => ready),
    idleSeconds: sum(({ ready, busy }) => Math.max(0, ready - busy)),
  };
}

/** Without the samples that say nothing new: what is seen holds until the next one. */
export const thinned = (samples: readonly Sample[]): readonly Sample[] =>
  samples.filter((sample, at) => at === samples.length - 1 || !isSame(sample, samples[at - 1]));

const isSame = ({ seconds: _, ...now }: Sample, before: Sample | undefined): boolean =>
  before !== undefined && Object.entries(now).every(([name, value]) => before[name as keyof Sample] === value);

/** A line for each sample, as the formatter of this project leaves it. */
export function textOf({ samples, ...rest }: ScalingRecord): string {
  const line = (sample: Sample) =>
    `    ${JSON.stringify(sample).replaceAll(/[:,]/g, '$& ').replace('{', '{ ').replace('}', ' }')}`;
  const head = JSON.stringify(rest, null, 2).replace(/\n}$/, '');
  return `${head},\n  "samples": [\n${samples.map(line).join(',\n')}\n  ]\n}\n`;
}

const begin = '<!-- measured by `npm run bench scaling` -->\n';
const end = '<!-- end of what was measured -->';

/** A page with what was measured in the place of what it said before. */
export function withFigures(page: string, record: ScalingRecord): string {
  const [from, to] = [page.indexOf(begin), page.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`the page has no lines ${begin.trim()} and ${end}`);
  return page.slice(0, from + begin.length) + sentences(record) + page.slice(to);
}

function sentences(record: ScalingRecord): string {
  const { steps, max, firstStepSeconds, interrupted } = record;
  const { lastStepSeconds, zeroSeconds, mostReady, throughput, workerSeconds, idleSeconds } = figuresOf(record);
  const whole = (value: number) => Math.round(value).toLocaleString('en');
  return [
    `- The first step ran ${firstStepSeconds.toFixed(1)} s after it was queued, on a pod that was not there before.`,
    `- ${whole(steps)} steps took ${whole(lastStepSeconds)} s with ${mostReady} of at most ${max} workers: ${whole(throughput)} a second.`,
    `- Steps that were given back, aborted or tried again: ${interrupted}.`,
    `- The last worker was gone ${whole(zeroSeconds - lastStepSeconds)} s after the last step. Of ${whole(workerSeconds)} s of all workers together, ${whole(idleSeconds)} had no step under way: what it costs to be there when more comes soon.`,
    '',
  ].join('\n');
}

/** Steps that ended in each period, a second. */
export function throughputOf(
  samples: readonly Sample[],
  periodSeconds: number,
): readonly { readonly seconds: number; readonly rate: number }[] {
  const last = samples.at(-1)?.seconds ?? 0;
  const doneAt = (seconds: number): number => samples.findLast((sample) => sample.seconds <= seconds)?.done ?? 0;
  return Array.from({ length: Math.ceil(last / periodSeconds) }, (_, index) => ({
    seconds: index * periodSeconds,
    rate: (doneAt((index + 1) * periodSeconds) - doneAt(index * periodSeconds)) / periodSeconds,
  }));
}

import { VisibilityMode } from '@grafana/grafana-foundation-sdk/common';
import { PanelBuilder as StateTimeline } from '@grafana/grafana-foundation-sdk/statetimeline';
import { Seconds, Short } from '@grafana/grafana-foundation-sdk/units';
import { of, ofPools } from './ofPipeline.ts';
import { described, legend, lines, mapped, only, thresholds } from './panels.ts';
import { ranged } from './prometheus.ts';

/** Panels about the queues and workers of one pipeline. */

const half = [12, 8] as const;

/** What waits in its queues, and how long. */
export const queues = () =>
  lines(
    ranged(
      {
        ...{ title: 'Queues by stage', unit: Short, size: half },
        description:
          'Steps that can begin or are under way, by stage, and how long the next one has waited. One that waits long while workers are ready waits for a limit of its source, or for a lease.',
      },
      {
        '{{stage}} steps': `sum by (stage) (jobpulse_queue_jobs{state=~"waiting|prioritized|active",${of}})`,
        '{{stage}} oldest': `max by (stage) (jobpulse_queue_oldest_seconds{${of}})`,
      },
    ),
  ).overrideByRegexp(
    '/oldest$/',
    only({ unit: Seconds, 'custom.axisPlacement': 'right', 'custom.lineStyle': { fill: 'dash', dash: [4, 4] } }),
  );

/** How many workers each pool has. */
export const workers = () =>
  lines(
    ranged(
      {
        ...{ title: 'Workers by pool', unit: Short, size: half },
        description:
          'Workers that should be, that are ready, and that the autoscaler would have. Fewer ready than desired: the condition WorkersReady says why. Recommended differs from desired where something else scales the pool.',
      },
      { '{{pool}} {{kind}}': `sum by (pool, kind) (jobpulse_replicas{${ofPools}})` },
    ),
  );

/** Why it has not more, or fewer. */
export const limits = () =>
  described(
    new StateTimeline(),
    ranged(
      {
        ...{ title: 'What limits the workers', unit: Short, size: half },
        description:
          'Why a pool has more or fewer workers than its load asks for, at each time. MaxReplicas: raise it in `workers`; GlobalConcurrency and SourceRateLimit: the source allows no more; DownstreamFull: the next stage is behind; StabilisationWindow and StepSize pass. Empty when nothing does.',
      },
      { '{{pool}}: {{by}}': `max by (pool, by) (jobpulse_scaling_limited{${ofPools}})` },
    ),
  )
    .mappings(mapped({ 1: 'limited' }))
    .thresholds(thresholds([{ value: null, color: 'orange' }]))
    .showValue(VisibilityMode.Never)
    .legend(legend().showLegend(false));

/** What workers did with their steps. */
export const retries = () =>
  lines(
    ranged(
      {
        ...{ title: 'Steps of workers', unit: 'ops', size: half },
        description:
          'Steps that workers ended, by result, and those that went back to the queue because a source throttled (throttled) or something was away (transient). From the workers themselves, as far as they are scraped.',
      },
      {
        '{{result}}': `sum by (result) (rate(jobpulse_worker_steps_total{${of}}[$__rate_interval]))`,
        'back: {{class}}': `sum by (class) (rate(jobpulse_retries_total{${of}}[$__rate_interval]))`,
      },
    ),
  );

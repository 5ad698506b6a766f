import { BytesIEC, Seconds, Short } from '@grafana/grafana-foundation-sdk/units';
import { bars, lines, only } from './panels.ts';
import { ranged } from './prometheus.ts';

/** Panels about the controllers themselves. */

const third = [8, 7] as const;

/** How late its event loop comes round. */
export const loopLag = () =>
  lines(
    ranged(
      {
        ...{ title: 'Event loop lag', unit: Seconds, size: third },
        description:
          'How late the event loop of a controller comes round. Beyond half a second it has too little processor, and beyond the Lease it loses leadership.',
      },
      { '{{quantile}}': 'max by (quantile) (jobpulse_loop_lag_seconds)' },
    ),
  );

/** How often it looks at resources, and with what result. */
export const reconciles = () =>
  lines(
    ranged(
      {
        ...{ title: 'Reconciles', unit: 'ops', size: third },
        description:
          'How often resources are looked at. Errors are tried again once a minute and named in the log; many a second without changes mean that two writers take turns on one field.',
      },
      {
        '{{controller}} {{result}}': 'sum by (controller, result) (rate(jobpulse_reconcile_total[$__rate_interval]))',
      },
    ),
  );

/** What it writes for nothing. */
export const steadyWrites = () =>
  bars(
    ranged(
      {
        ...{ title: 'Writes while nothing changed', unit: Short, size: third },
        description:
          'Writes by reconciles that only the clock called for. Anything but zero means that a field is not stable, or that somebody sets it back.',
      },
      {
        '{{controller}}': 'sum by (controller) (increase(jobpulse_steady_state_writes_total[$__interval]))',
      },
    ),
  ).interval('5m');

/** What waits to be looked at. */
export const workQueue = () =>
  lines(
    ranged(
      {
        ...{ title: 'Work queue', unit: Short, size: [12, 7] },
        description:
          'Resources that wait for their reconcile, and how long 95 of 100 waited. A queue that does not empty: see the event loop and the API server.',
      },
      {
        '{{controller}} {{state}}': 'sum by (controller, state) (jobpulse_work_queue_depth{state=~"waiting|active"})',
        '{{controller}} wait':
          'histogram_quantile(0.95, sum by (le, controller) (rate(jobpulse_work_queue_wait_seconds_bucket[$__rate_interval])))',
      },
    ),
  ).overrideByRegexp('/wait$/', only({ unit: Seconds, 'custom.axisPlacement': 'right' }));

/** How large it is. */
export const memory = () =>
  lines(
    ranged(
      {
        ...{ title: 'Memory of controllers', unit: BytesIEC, size: [12, 7] },
        description:
          'Resident memory of each controller. It grows with the number of Pipelines and runs that are kept; near its limit raise `controller.resources` of the chart.',
      },
      { '{{instance}}': 'process_resident_memory_bytes and on (instance) jobpulse_leader' },
    ),
  );

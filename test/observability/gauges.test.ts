import { expect, test } from 'vitest';
import { openLastingGauges, openMomentaryGauges, type PrintedGauges } from '../../src/observability/gauges.ts';
import { createMetrics } from '../../src/observability/metrics.ts';

const textOf = (printed: PrintedGauges, name: string): string => Buffer.concat(printed.get(name) ?? []).toString();

test('lines are printed as Prometheus reads them, whatever is in a label', () => {
  const gauges = openMomentaryGauges();
  gauges.set('ready', {}, 1);
  gauges.set('ready', { pipeline: 'a"b\\c\nd' }, 0.5);
  gauges.set('ready', { pipeline: 'most' }, Number.POSITIVE_INFINITY);
  expect(textOf(gauges.print(), 'ready')).toBe(
    'jobpulse_ready 1\njobpulse_ready{pipeline="a\\"b\\\\c\\nd"} 0.5\njobpulse_ready{pipeline="most"} +Inf\n',
  );
});

test('many series come in several pieces, and none is lost or cut', () => {
  const gauges = openMomentaryGauges();
  for (let index = 0; index < 5_000; index += 1) gauges.set('ready', { pipeline: `pipeline-${index}` }, index);
  const printed = gauges.print();
  expect(printed.get('ready')?.length).toBeGreaterThan(2);
  const lines = textOf(printed, 'ready').trimEnd().split('\n');
  expect(lines).toHaveLength(5_000);
  expect(lines.at(-1)).toBe('jobpulse_ready{pipeline="pipeline-4999"} 4999');
});

test('what lasts is printed until it is set anew, forgotten or not retained', async () => {
  const gauges = openLastingGauges();
  gauges.set('ready', { pipeline: 'a' }, 0);
  gauges.set('ready', { pipeline: 'a' }, 1);
  gauges.set('ready', { pipeline: 'b' }, 1);
  gauges.set('fresh', { pipeline: 'c' }, 1);
  gauges.forget('ready', { pipeline: 'b' });
  gauges.retain(({ pipeline }) => pipeline !== 'c');
  expect([...(await gauges.print()).keys()]).toEqual(['ready']);
  expect(textOf(await gauges.print(), 'ready')).toBe('jobpulse_ready{pipeline="a"} 1\n');
});

test('a gauge that was set and that a collector knows better is told once, with its help once', async () => {
  const metrics = createMetrics();
  const labels = { namespace: 'jobs', pipeline: 'a' };
  const other = { namespace: 'jobs', pipeline: 'b' };
  metrics.set('conserved', labels, 0);
  metrics.set('conserved', other, 0);
  metrics.collect((set) => set('conserved', labels, 1));
  const lines = (await metrics.text()).split('\n').filter((line) => line.includes('jobpulse_conserved'));
  expect(lines.map((line) => line.replace(/ HELP .*/, ' HELP'))).toEqual([
    '# HELP',
    '# TYPE jobpulse_conserved gauge',
    'jobpulse_conserved{namespace="jobs",pipeline="b"} 0',
    'jobpulse_conserved{namespace="jobs",pipeline="a"} 1',
  ]);
});

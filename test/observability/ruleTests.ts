import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { stringify } from 'yaml';
import { runbooks } from '../../src/observability/alertRules.ts';
import type { AlertDeclaration } from '../../src/observability/alerts.ts';
import { findPrometheus } from '../servers/prometheus.ts';
import type { AlertCase } from './alertCases.ts';

export const rulesFile = 'charts/jobpulse/files/alerts.yaml';

/** Series, and what alerts say of them after some time. */
export interface RuleTest {
  readonly name: string;
  /** From one sample to the next. */
  readonly interval: string;
  readonly series: AlertCase['series'];
  readonly says: readonly ({ readonly alert: AlertDeclaration } & Pick<AlertCase, 'after' | 'fires'>)[];
}

/** Has promtool try the rules; gives what it wrote when it does not agree. */
export function triedRules(tests: readonly RuleTest[]): string {
  const folder = mkdtempSync(join(tmpdir(), 'alerts-'));
  try {
    const path = join(folder, 'test.yaml');
    writeFileSync(
      path,
      stringify({ rule_files: [resolve(rulesFile)], evaluation_interval: '1m', tests: tests.map(testOf) }),
    );
    const { status, stdout, stderr } = promtool('test', 'rules', path);
    return status === 0 ? '' : stdout + stderr;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

export const promtool = (...args: string[]) =>
  spawnSync(findPrometheus('promtool') ?? 'promtool', args, { encoding: 'utf8' });

const testOf = ({ name, interval, series, says }: RuleTest) => ({
  ...{ name, interval },
  input_series: Object.entries(series).map(([name, values]) => ({ series: name, values })),
  alert_rule_test: says.map(({ alert, after, fires }) => ({
    eval_time: after,
    alertname: alert.name,
    exp_alerts: fires.map(({ labels, summary }) => ({
      exp_labels: { severity: alert.severity, ...labels },
      exp_annotations: {
        ...{ summary, description: alert.description },
        runbook_url: `${runbooks}#${alert.name.toLowerCase()}`,
      },
    })),
  })),
});

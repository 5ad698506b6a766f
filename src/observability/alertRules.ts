import { stringify } from 'yaml';
import { type AlertDeclaration, alerts } from './alerts.ts';

/** Where people find what to do. */
export const runbooks = 'https://jobpulse.dev/docs/guide/runbooks';

/** The rules file of Prometheus, also what a PrometheusRule holds as `spec`. */
export function alertRules(): string {
  const rules = alerts.map(rule);
  return `${header}${stringify({ groups: [{ name: 'jobpulse', rules }] }, { lineWidth: 0 })}`;
}

const header = '# Made from src/observability/alerts.ts by `npm run generate`; a change made here is lost.\n';

const rule = ({ name, severity, expr, for: lasting, summary, description }: AlertDeclaration) => ({
  alert: name,
  expr,
  for: lasting,
  labels: { severity },
  annotations: { summary, description, runbook_url: `${runbooks}#${name.toLowerCase()}` },
});

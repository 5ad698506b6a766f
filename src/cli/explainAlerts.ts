import type { AlertGroup } from '../controller/alerts/decide.ts';
import type { AlertBook } from '../controller/standalone/alertBook.ts';
import type { Paragraph } from './explain.ts';

/** Says of a pipeline what receivers of alerts were told, what could not be told, and who is not told at all. */
export function explainAlerts({ groups, off }: AlertBook, pipeline: string): readonly Paragraph[] {
  const silent = off.map(({ receiver, secret, ...each }) => ({
    ...each,
    line: `alert ${receiver}: nobody is told, for the optional secret ${secret} is not there`,
  }));
  const told = groups.map((group) => ({ pipeline: group.pipeline, line: groupLine(group) }));
  const lines = [...silent, ...told].filter((each) => each.pipeline === pipeline).map(({ line }) => line);
  return lines.length === 0 ? [] : [{ about: 'alerts', lines }];
}

function groupLine({ receiver, kind, alerts, toldAt, failing }: AlertGroup): string {
  const since = alerts.map(({ startsAt }) => startsAt).toSorted()[0];
  const datasets = alerts.flatMap(({ dataset }) => dataset ?? []);
  const of = datasets.length === 0 ? '' : ` of ${datasets.join(', ')}`;
  const told = toldAt === undefined ? 'not told yet' : `told at ${toldAt}`;
  return `alert ${receiver}: ${kind}${of} since ${since}: ${told}${failing ? `: ${failing.problem}` : ''}`;
}

import { expect, test } from 'vitest';
import type { AlertGroup } from '../../../src/controller/alerts/decide.ts';
import { alertMessage, alertWords } from '../../../src/controller/alerts/message.ts';
import { alertSender } from '../../../src/controller/alerts/send.ts';
import { alerts } from '../../../src/observability/alerts.ts';
import { startReceiver } from './receiver.ts';

const startsAt = '2026-01-01T00:00:00.000Z';
const group: AlertGroup = {
  ...{ pipeline: 'usajobs', receiver: 'failures', kind: 'RejectRate' },
  alerts: [
    { dataset: 'postings', message: '11 of 91 rows', run: 'usajobs-1', startsAt, told: true },
    { dataset: 'codes', message: '20 of 20 rows', run: 'usajobs-1', startsAt, endsAt: startsAt, told: true },
  ],
};
const message = alertMessage(group, 'default');
const never = new AbortController().signal;

test('posts what Alertmanager posts', async () => {
  const { url, taken } = await startReceiver();
  expect(await alertSender(true)(url, message, never)).toBeUndefined();
  const labels = { alertname: 'JobpulseRejectRate', namespace: 'default', pipeline: 'usajobs', severity: 'warning' };
  const { severity: _, ...groupLabels } = labels;
  const common = { ...{ startsAt, generatorURL: '' }, fingerprint: expect.stringMatching(/^[0-9a-f]{16}$/) };
  expect(taken).toEqual([
    {
      ...{ version: '4', receiver: 'failures', status: 'firing', truncatedAlerts: 0, externalURL: '' },
      groupKey: '{}:{alertname="JobpulseRejectRate", namespace="default", pipeline="usajobs"}',
      ...{ groupLabels, commonLabels: labels, commonAnnotations: { run: 'usajobs-1' } },
      alerts: [
        {
          ...{
            ...common,
            status: 'firing',
            endsAt: '0001-01-01T00:00:00Z',
            labels: { ...labels, dataset: 'postings' },
          },
          annotations: {
            summary: 'usajobs/postings: Many rows went to quarantine',
            ...{ description: '11 of 91 rows', run: 'usajobs-1' },
          },
        },
        {
          ...{ ...common, status: 'resolved', endsAt: startsAt, labels: { ...labels, dataset: 'codes' } },
          annotations: {
            summary: 'usajobs/codes: Many rows went to quarantine',
            ...{ description: '20 of 20 rows', run: 'usajobs-1' },
          },
        },
      ],
    },
  ]);
});

test('names an alert by its labels as Alertmanager 0.25 does', () => {
  expect(message.alerts.map(({ fingerprint }) => fingerprint)).toEqual(['0498df0776dda4a0', '903626822add96c7']);
});

test('names and severities are those of the Prometheus alerts about the same', () => {
  const both = Object.entries(alertWords).flatMap(([kind, { severity }]) => {
    const rule = alerts.find(({ name }) => name === `Jobpulse${kind}`);
    return rule ? [[kind, severity, rule.severity]] : [];
  });
  expect(both.map(([kind]) => kind)).toEqual(Object.keys(alertWords));
  for (const [, ours, theirs] of both) expect(ours).toBe(theirs);
});

test('what goes wrong is told without the address', async () => {
  const { url, answer, taken } = await startReceiver();
  const send = alertSender(true);
  answer.status = 500;
  expect(await send(url, message, never)).toBe('the receiver answered 500');
  answer.status = 307;
  answer.location = url;
  const asked = answer.asked;
  expect(await send(url, message, never)).toBe(
    'the receiver redirects; write the address where it leads into the secret',
  );
  expect(answer.asked).toBe(asked + 1);
  expect(await alertSender(false)(url, message, never)).toMatch(/^the address is private/);
  expect(await send('http://127.0.0.1:1/s3cr3t', message, never)).toBe('the receiver cannot be reached (ECONNREFUSED)');
  expect(await send('no address', message, never)).toBe('the address is no http or https URL');
  answer.status = 0;
  expect(await send(url, message, AbortSignal.timeout(200))).toMatch(
    /^the receiver (gave no answer|cannot be reached)/,
  );
  expect(taken).toEqual([]);
});

import { expect, test } from 'vitest';
import { redactText, redactValue } from '../../src/cli/report/redact.ts';

const canary = 'xK9-canary_4711';

test('values of environment and headers, and what stands under a name that sounds like a secret', () => {
  const object = {
    metadata: {
      name: 'usajobs',
      managedFields: [{ manager: canary }],
      annotations: {
        'kubectl.kubernetes.io/last-applied-configuration': canary,
        'example.org/token': canary,
        team: 'a',
      },
    },
    spec: {
      env: [
        { name: 'A', value: canary },
        { name: 'B', valueFrom: { secretKeyRef: { name: 'usajobs', key: 'api-key' } } },
      ],
      headers: [{ name: 'X-Whatever', value: canary }],
      params: [
        { name: 'api-token', value: canary },
        { name: 'keyword', value: 'data' },
      ],
      query: { api_key: canary, password: canary, Keyword: 'data' },
      volumes: [{ secret: { secretName: 'jobpulse-redis', items: [{ key: 'url' }] } }],
      automountServiceAccountToken: false,
    },
  };
  const text = JSON.stringify(redactValue(object));
  expect(text).not.toContain(canary);
  expect(redactValue(object)).toEqual({
    metadata: { name: 'usajobs', annotations: { 'example.org/token': '[redacted]', team: 'a' } },
    spec: {
      env: [
        { name: 'A', value: '[redacted]' },
        { name: 'B', valueFrom: { secretKeyRef: { name: 'usajobs', key: 'api-key' } } },
      ],
      headers: [{ name: 'X-Whatever', value: '[redacted]' }],
      params: [
        { name: 'api-token', value: '[redacted]' },
        { name: 'keyword', value: 'data' },
      ],
      query: { api_key: '[redacted]', password: '[redacted]', Keyword: 'data' },
      volumes: [{ secret: { secretName: 'jobpulse-redis', items: [{ key: 'url' }] } }],
      automountServiceAccountToken: false,
    },
  });
});

test.each([
  `redis://default:${canary}@redis:6379 is away`,
  `postgres://ana:p@${canary}@db/jobs`,
  `GET /x Authorization: Bearer ${canary}`,
  `{"headers":{"Authorization":"Basic ${canary}"},"msg":"asked"}`,
  `2026-12-01T00:21:27.815212604Z {"headers":{"X-Whatever":"${canary}"},"msg":"asked"}`,
  `{"msg":"url is https://ana:${canary}@jobs.example/","level":30}`,
  `the request had token=${canary}&page=2`,
  `"password": "${canary}"`,
  `AWS_SECRET_ACCESS_KEY=${canary}`,
  `Cookie: session=${canary}; other=1`,
  `Bearer ${canary}`,
  `-----BEGIN RSA PRIVATE KEY-----\n${canary}\n-----END RSA PRIVATE KEY-----`,
  `-----BEGIN PRIVATE KEY-----\n${canary}`,
  `eyJhbGciOiJIUzI1NiJ9.${canary}.abc`,
])('a log line: %s', (line) => {
  expect(redactText(`before\n${line}\nafter`)).not.toContain(canary);
  expect(redactText(`before\n${line}`)).toMatch(/^before\n/);
});

test('a long line without spaces takes no longer than others', () => {
  const line = 'a.b-'.repeat(200_000);
  expect(redactText(line)).toBe(line);
});

test('what helps stays', () => {
  const lines = [
    'cannot read https://data.usajobs.gov/api/search?Keyword=data&Page=2: 503',
    'secret usajobs, key api-key is missing',
    '{"level":30,"time":1,"msg":"usajobs: 742 read, 6 rejected"}',
    'usajobs/postings: load: DiskFull: no space is left on /var/lib/jobpulse/warehouse',
  ];
  expect(redactText(lines.join('\n'))).toBe(lines.join('\n'));
});

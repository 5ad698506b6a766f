import { z } from 'zod';
import { byteSize, duration } from './units.ts';
import { matching, text, texts, valueFrom } from './words.ts';

const sasl = z.strictObject({
  mechanism: z.enum(['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512']).describe('SASL mechanism.'),
  usernameFrom: valueFrom.describe('User name.'),
  passwordFrom: valueFrom.describe('Password.'),
});

const kafka = z.strictObject({
  brokers: texts(32, 256).min(1).describe('`host:port` of some brokers.'),
  tls: z
    .strictObject({ caFrom: valueFrom.exactOptional().describe('Certificate authority of the brokers, in PEM.') })
    .exactOptional()
    .describe('Speak TLS.'),
  sasl: sasl.exactOptional().describe('Log in.'),
});

const flush = z.strictObject({
  every: duration.default('15s').describe('A slice of a partition ends after this long.'),
  bytes: byteSize.default('64Mi').describe('A slice of a partition ends at this size.'),
});

export const streamExtract = z.strictObject({
  topic: text(249).describe('Topic to read.'),
  group: text(249).exactOptional().describe('Consumer group. Default: `<namespace>.<pipeline>`.'),
  start: matching(
    /^(Earliest|Latest|[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z)$/,
    'Earliest, Latest or a moment in UTC, such as 2026-11-20T12:00:00Z',
    30,
  )
    .default('Earliest')
    .describe('Where a new group starts: Earliest, Latest or a moment in UTC.'),
  kafka: kafka.exactOptional().describe("The brokers. Default: the installation's stream."),
  flush: flush.prefault({}).describe('How often records become a slice.'),
  maxFuture: duration.default('5m').describe('Event times further ahead of the broker’s clock go to quarantine.'),
});
export type StreamExtract = z.output<typeof streamExtract>;

import { parseArgs } from 'node:util';
import { startCoresignal } from './double.ts';

/**
 * The double as a process of its own. Prints one line of JSON with its URL and key, and ends on SIGTERM, SIGINT or,
 * with `--with-parent`, when whoever started it is gone.
 */
const { values } = parseArgs({
  options: {
    host: { type: 'string', default: '127.0.0.1' },
    port: { type: 'string', default: '0' },
    seed: { type: 'string', default: '1' },
    postings: { type: 'string', default: '120' },
    credits: { type: 'string', default: '10000' },
    'every-minutes': { type: 'string', default: '60' },
    'latency-ms': { type: 'string', default: '0' },
    /** 0: as many as come. */
    'per-second': { type: 'string', default: '0' },
    since: { type: 'string' },
    key: { type: 'string' },
    /** No record is spoilt. */
    spotless: { type: 'boolean', default: false },
    'with-parent': { type: 'boolean', default: false },
  },
});

const double = await startCoresignal({
  host: values.host,
  port: wholeNumber('port', values.port),
  seed: wholeNumber('seed', values.seed),
  postings: wholeNumber('postings', values.postings),
  credits: wholeNumber('credits', values.credits),
  everyMinutes: wholeNumber('every-minutes', values['every-minutes']),
  latencyMs: wholeNumber('latency-ms', values['latency-ms']),
  perSecond: wholeNumber('per-second', values['per-second']) || Number.POSITIVE_INFINITY,
  ...(values.since !== undefined && { since: values.since }),
  dirty: !values.spotless,
  ...(values.key !== undefined && { key: values.key }),
});
process.once('SIGTERM', stop);
process.once('SIGINT', stop);
// The pipe of standard input ends with the parent, even when it was killed.
if (values['with-parent']) process.stdin.once('end', stop).resume();

// Last: whoever has read the line may end this process at once.
process.stdout.write(`${JSON.stringify({ url: double.url, key: double.key })}\n`);

function stop(): void {
  double.close().then(
    () => process.exit(0),
    () => process.exit(1),
  );
}

function wholeNumber(name: string, text: string): number {
  if (!/^\d+$/.test(text)) throw new Error(`--${name} must be a whole number; found ${JSON.stringify(text)}`);
  return Number(text);
}

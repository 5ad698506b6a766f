import { parseArgs } from 'node:util';
import { startUsajobs } from './double.ts';

/**
 * The double as a process of its own. Prints one line of JSON with its URL and what to send in the two headers,
 * and ends on SIGTERM, SIGINT or, with `--with-parent`, when whoever started it is gone.
 */
const { values } = parseArgs({
  options: {
    host: { type: 'string', default: '127.0.0.1' },
    port: { type: 'string', default: '0' },
    seed: { type: 'string', default: '1' },
    postings: { type: 'string', default: '742' },
    'latency-ms': { type: 'string', default: '0' },
    key: { type: 'string' },
    agent: { type: 'string' },
    'with-parent': { type: 'boolean', default: false },
  },
});

const double = await startUsajobs({
  host: values.host,
  port: wholeNumber('port', values.port),
  seed: wholeNumber('seed', values.seed),
  postings: wholeNumber('postings', values.postings),
  latencyMs: wholeNumber('latency-ms', values['latency-ms']),
  ...(values.key !== undefined && { key: values.key }),
  ...(values.agent !== undefined && { agent: values.agent }),
});
process.once('SIGTERM', stop);
process.once('SIGINT', stop);
// The pipe of standard input ends with the parent, even when it was killed.
if (values['with-parent']) process.stdin.once('end', stop).resume();

// Last: whoever has read the line may end this process at once.
process.stdout.write(`${JSON.stringify({ url: double.url, key: double.key, agent: double.agent })}\n`);

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

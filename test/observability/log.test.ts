import { describe, expect, test } from 'vitest';
import { createLogger, type LogOptions } from '../../src/observability/log.ts';

function logTo(options: LogOptions) {
  const lines: string[] = [];
  const log = createLogger({ level: 'info', to: { write: (line) => lines.push(line) }, ...options });
  return { log, lines };
}

const secret = 'canary-"with"-quotes\\and-slashes';
const redact = (text: string) => text.replaceAll(secret, '[redacted]');

describe('createLogger', () => {
  test.each(['plain', 'json'] as const)('keeps known secrets out of %s lines, wherever they hide', (format) => {
    const { log, lines } = logTo({ format, redact });
    log.info(`asked with ${secret}`);
    log.info({ headers: { deep: [{ key: secret }] } }, 'nested');
    log.child({ binding: secret }).warn('child');
    log.error({ err: new Error(`refused ${secret}`, { cause: new Error(secret) }) });
    expect(lines).toHaveLength(4);
    const all = lines.join('');
    expect(all).not.toContain('canary');
    expect(all.match(/\[redacted\]/g)?.length).toBeGreaterThanOrEqual(5);
  });

  test('writes one line for people: time, level, who, what and the fields', () => {
    const { log, lines } = logTo({ format: 'plain', name: 'worker-clean' });
    log.child({ run: 'usajobs-1' }).warn({ attempt: 2 }, 'tried again');
    expect(lines[0]).toMatch(/^\d\d:\d\d:\d\d warn {2}worker-clean: tried again {2}run=usajobs-1 attempt=2\n$/);
  });

  test('writes JSON for collectors', () => {
    const { log, lines } = logTo({ format: 'json' });
    log.info({ run: 'usajobs-1' }, 'done');
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({ level: 30, msg: 'done', run: 'usajobs-1' });
  });

  test('says nothing below its level', () => {
    const { log, lines } = logTo({ format: 'plain', level: 'warn' });
    log.info('quiet');
    log.warn('loud');
    expect(lines).toHaveLength(1);
  });

  test('refuses a level that it does not know', () => {
    expect(() => createLogger({ level: 'verbose' })).toThrow(
      'LOG_LEVEL is "verbose"; it can be trace, debug, info, warn, error, fatal, silent',
    );
  });
});

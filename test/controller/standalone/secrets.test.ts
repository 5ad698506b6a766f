import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { secretReader } from '../../../src/controller/standalone/secrets.ts';

const secretsDir = mkdtempSync(join(tmpdir(), 'jobpulse-secrets-'));
mkdirSync(join(secretsDir, 'usajobs'));
writeFileSync(join(secretsDir, 'usajobs', 'api-key'), 'from a file\n');
mkdirSync(join(secretsDir, 'usajobs', 'a-folder'));
afterAll(() => rmSync(secretsDir, { recursive: true }));

const apiKey = { name: 'usajobs', key: 'api-key' };

test('a secret is a variable, or a file that goes first and is read anew each time', () => {
  const env = { USAJOBS_API_KEY: 'from a variable', USA_JOBS_V2_TLS_CRT: 'dots and dashes' };
  expect(secretReader({ env }).read(apiKey)).toBe('from a variable');
  expect(secretReader({ env }).read({ name: 'usa-jobs.v2', key: 'tls.crt' })).toBe('dots and dashes');
  const secrets = secretReader({ env, secretsDir });
  expect(secrets.read(apiKey)).toBe('from a file');
  writeFileSync(join(secretsDir, 'usajobs', 'api-key'), 'rotated\r\n');
  expect(secrets.read(apiKey)).toBe('rotated');
});

test('one that is missing or empty is named with the places to put it', () => {
  const missing = (options: Parameters<typeof secretReader>[0]) => () =>
    secretReader(options).read({ name: 'x-y', key: 'z' });
  expect(missing({ env: { X_Y_Z: '' } })).toThrow(
    expect.objectContaining({
      reason: 'SecretMissing',
      message: expect.stringMatching(/X_Y_Z.*--secrets-dir.*x-y\/z/),
    }),
  );
  expect(missing({ env: {}, secretsDir })).toThrow(`X_Y_Z, or write it into ${join(secretsDir, 'x-y', 'z')}`);
  expect(secretReader({ env: {} }).read({ ...apiKey, optional: true })).toBeUndefined();
});

test('one that is there but cannot be read is not called missing', () => {
  const read = () => secretReader({ env: {}, secretsDir }).read({ name: 'usajobs', key: 'a-folder' });
  expect(read).toThrow(/usajobs\/a-folder cannot be read \(EISDIR\)/);
});

test('what was read is redacted: as it is, in a URL and in JSON, the longest first', () => {
  const secrets = secretReader({ env: { A_K: 'top', B_K: 'top secret/"+1' } });
  expect(secrets.redact('top secret/"+1')).toBe('top secret/"+1');
  secrets.read({ name: 'a', key: 'k' });
  const value = secrets.read({ name: 'b', key: 'k' }) ?? '';
  const forms = [value, encodeURIComponent(value), String(new URLSearchParams({ q: value })), JSON.stringify(value)];
  expect(secrets.redact(forms.join(' | '))).toBe('*** | *** | q=*** | "***"');
});

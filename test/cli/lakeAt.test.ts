import { tmpdir } from 'node:os';
import { expect, test } from 'vitest';
import { parsePlace } from '../../src/cli/places/lakeAt.ts';

test('--lake is a folder that is there, or a bucket with what else there is to say of it', () => {
  expect(parsePlace(tmpdir())).toBe(tmpdir());
  expect(parsePlace('s3://jobs')).toEqual({ bucket: 'jobs' });
  expect(parsePlace('s3://jobs/raw/2026/?endpoint=http://127.0.0.1:9000&region=eu-west-1&pathStyle=false')).toEqual({
    ...{ bucket: 'jobs', prefix: 'raw/2026', endpoint: 'http://127.0.0.1:9000', region: 'eu-west-1', pathStyle: false },
  });
  expect(() => parsePlace('/no/such/folder')).toThrow('there is no such folder; write a folder, or s3://bucket/prefix');
  expect(() => parsePlace('gs://jobs')).toThrow('is no address of a lake');
  expect(() => parsePlace('s3://jobs?endpoint=nowhere')).toThrow('endpoint: ');
  expect(() => parsePlace('s3://jobs?secret=x')).toThrow('--lake s3://jobs?secret=x');
});

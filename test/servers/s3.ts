import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CreateBucketCommand, type S3Client } from '@aws-sdk/client-s3';
import { s3Client } from '../../src/connectors/stores/s3/client.ts';
import type { S3Place } from '../../src/connectors/stores/s3/place.ts';
import { findGoProgram } from './goPrograms.ts';
import { ownProcesses } from './kubernetes/processes.ts';
import { freePort } from './redis.ts';

/** A real S3 server of one test file, with an empty bucket. */
export interface S3Server {
  readonly endpoint: string;
  /** The bucket, with credentials in files. */
  readonly place: S3Place;
  /** The same credentials as every program that uses AWS finds them. */
  readonly env: NodeJS.ProcessEnv;
  /** For what the store itself never asks. */
  readonly client: S3Client;
  /** Ends the process as a crash would; what was stored stays. */
  kill(): Promise<void>;
  /** Starts it again after `kill`, at the same address. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

/** Thousands of small objects on a busy disk take longer to remove than all tests. */
const memoryFolder = '/dev/shm';

/** `host`: the address of this machine that it listens at. */
export async function startS3(host = '127.0.0.1'): Promise<S3Server> {
  const program = findGoProgram('versitygw');
  if (program === undefined) throw new Error('there is no S3 server: use describeWithGoProgram');
  const folder = mkdtempSync(join(existsSync(memoryFolder) ? memoryFolder : tmpdir(), 'jobpulse-test-s3-'));
  for (const name of ['data', 'metadata', 'credentials']) mkdirSync(join(folder, name));
  const [access, secret] = ['test-access', randomBytes(20).toString('hex')];
  const credentialsDir = join(folder, 'credentials');
  writeFileSync(join(credentialsDir, 'access-key-id'), access);
  writeFileSync(join(credentialsDir, 'secret-access-key'), `${secret}\n`);
  const processes = ownProcesses(folder);
  const output = join(folder, 'log');
  const port = await freePort();
  const endpoint = `http://${host}:${port}`;
  const place = { bucket: 'lake', endpoint, credentialsDir };
  const client = s3Client(place);
  // Metadata lies beside the data: not every file system of a test machine has extended attributes.
  const args = ['--port', `${host}:${port}`, '--quiet', 'posix', '--sidecar', join(folder, 'metadata')];
  const start = async () => {
    const env = { ...process.env, ROOT_ACCESS_KEY: access, ROOT_SECRET_KEY: secret };
    const child = processes.start({ program, args: [...args, join(folder, 'data')], env, output });
    for (let attempt = 0; attempt < 500; attempt++) {
      if (child.exitCode !== null) break;
      if (
        await fetch(endpoint).then(
          () => true,
          () => false,
        )
      )
        return child;
      await sleep(10);
    }
    throw new Error(`the S3 server did not start:\n${readFileSync(output, 'utf8')}`);
  };
  let child = await start();
  await client.send(new CreateBucketCommand({ Bucket: place.bucket }));
  return {
    ...{ endpoint, place, client },
    env: { AWS_ACCESS_KEY_ID: access, AWS_SECRET_ACCESS_KEY: secret },
    kill: () => processes.end(child, 0),
    restart: async () => {
      child = await start();
    },
    stop: async () => {
      client.destroy();
      await processes.stop();
    },
  };
}

import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, globSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { describe } from 'vitest';
import type { Credentials } from './kubernetes/pki.ts';
import { ownProcesses } from './kubernetes/processes.ts';
import { freePort } from './redis.ts';

/** A real PostgreSQL server of one test file, on a port of the loopback address. */
export interface PostgresServer {
  readonly port: number;
  /** The URL of a database, as a user of ours; that of `database` as its owner by default. */
  url(database: string, user?: { readonly name: string; readonly password: string }): string;
  /** Makes an empty database, owned by a user who is no superuser, and tells its URL. */
  database(name: string): Promise<string>;
  /** Runs SQL as the superuser. */
  run(sql: string, database?: string): Promise<void>;
  /** Ends the server as a crash would; what was committed stays. */
  kill(): Promise<void>;
  /** Starts it again after `kill`, on the same port. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

/** Who owns the databases of tests. */
const owner = { name: 'jobpulse', password: 'made-up-password' };

const settings = {
  listen_addresses: '127.0.0.1',
  max_connections: '20',
  shared_buffers: '32MB',
  // A crash here is one of the process, not of the machine: the kernel keeps what was written.
  fsync: 'off',
  unix_socket_directories: '',
  log_min_messages: 'warning',
};

/** With TLS, only the superuser of the tests may come without it. */
const accessWithTls = 'host all postgres 127.0.0.1/32 scram-sha-256\nhostssl all all 127.0.0.1/32 scram-sha-256\n';

export async function startPostgres({ tls }: { readonly tls?: Credentials } = {}): Promise<PostgresServer> {
  const programs = findPostgres();
  if (programs === undefined) throw new Error('there is no PostgreSQL server: use describeWithPostgres');
  const folder = mkdtempSync(join(tmpdir(), 'jobpulse-test-postgres-'));
  const data = join(folder, 'data');
  const passwordFile = join(folder, 'password');
  const password = randomBytes(20).toString('hex');
  const port = await freePort();
  chmodSync(folder, 0o755);
  mkdirSync(data, { mode: 0o700 });
  writeFileSync(passwordFile, password);
  const asUser = unprivileged([data, passwordFile]);
  const run = (program: string, args: readonly string[]) => {
    const [first, ...rest] = [...asUser, join(programs, program), ...args];
    if (first === undefined) throw new Error('no program');
    return { program: first, args: rest };
  };
  const initdb = ['-D', data, '-U', 'postgres', '--auth=scram-sha-256', `--pwfile=${passwordFile}`];
  const init = run('initdb', [...initdb, '--encoding=UTF8', '--locale=C', '--no-sync', '--no-instructions']);
  execFileSync(init.program, init.args, { stdio: ['ignore', 'ignore', 'inherit'], cwd: folder });
  if (tls) {
    const files = { 'server.crt': tls.certificate, 'server.key': tls.key, 'pg_hba.conf': accessWithTls };
    for (const [name, content] of Object.entries(files)) writeFileSync(join(data, name), content, { mode: 0o600 });
    unprivileged(Object.keys(files).map((name) => join(data, name)));
  }
  const processes = ownProcesses(folder);
  const output = join(folder, 'log');
  const superuser = (database = 'postgres') => `postgres://postgres:${password}@127.0.0.1:${port}/${database}`;
  const start = async () => {
    const options = Object.entries({ ...settings, port: String(port), ssl: tls ? 'on' : 'off' }).flatMap(
      ([name, value]) => ['-c', `${name}=${value}`],
    );
    const child = processes.start({ ...run('postgres', ['-D', data, ...options]), output });
    for (let attempt = 0; attempt < 1_000 && child.exitCode === null; attempt++) {
      if (await answers(superuser())) return child;
      await sleep(20);
    }
    throw new Error(`PostgreSQL did not start:\n${readFileSync(output, 'utf8')}`);
  };
  const query = (sql: string, database?: string) => withClient(superuser(database), (client) => client.query(sql));
  const url: PostgresServer['url'] = (database, { name, password } = owner) =>
    `postgres://${name}:${encodeURIComponent(password)}@127.0.0.1:${port}/${database}`;
  let child = await start();
  await query(`CREATE ROLE ${owner.name} LOGIN PASSWORD '${owner.password}'`);
  return {
    port,
    url,
    database: async (name) => {
      await query(`CREATE DATABASE "${name}" OWNER ${owner.name}`);
      return url(name);
    },
    run: async (sql, database) => {
      await query(sql, database);
    },
    kill: () => processes.end(child, 0),
    restart: async () => {
      child = await start();
    },
    stop: () => processes.stop(),
  };
}

const answers = (url: string): Promise<boolean> =>
  withClient(url, (client) => client.query('SELECT 1')).then(
    () => true,
    () => false,
  );

/** Does something over a connection of its own. */
export async function withClient<Result>(url: string, work: (client: pg.Client) => Promise<Result>): Promise<Result> {
  const client = new pg.Client(url);
  client.on('error', () => undefined); // whoever uses it hears of it
  try {
    await client.connect();
    return await work(client);
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** PostgreSQL refuses to run as root; then it runs as a user who owns nothing else. */
function unprivileged(owned: readonly string[]): readonly string[] {
  if (process.getuid?.() !== 0) return [];
  const nobody = '65534';
  execFileSync('chown', [`${nobody}:${nobody}`, ...owned]);
  return ['setpriv', '--reuid', nobody, '--regid', nobody, '--clear-groups', '--'];
}

/** The folder of the newest PostgreSQL of this machine, where Debian and others put it. */
export function findPostgres(): string | undefined {
  const version = (path: string) => Number(/\/(\d+)\/bin\//.exec(path)?.[1] ?? 0);
  const found = globSync(['/usr/lib/postgresql/*/bin/postgres', '/opt/homebrew/opt/postgresql*/bin/postgres']);
  const newest = found.toSorted((a, b) => version(b) - version(a)).at(0);
  const onPath = (process.env.PATH ?? '').split(':').map((each) => join(each, 'postgres'));
  const program = newest ?? onPath.find((path) => existsSync(path));
  return program === undefined ? undefined : dirname(program);
}

/** Tests that need a PostgreSQL server; where there is none they are counted as skipped, and say how to get it. */
export function describeWithPostgres(name: string, tests: () => void): void {
  const missing = findPostgres() === undefined;
  describe.skipIf(missing)(missing ? `${name} (needs PostgreSQL: \`apt-get install postgresql\`)` : name, tests);
}

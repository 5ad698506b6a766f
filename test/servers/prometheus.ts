import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { stringify } from 'yaml';
import { cacheFolder } from '../../src/controller/standalone/folders.ts';
import { freePort } from './redis.ts';

const programs = ['prometheus', 'promtool'] as const;
type Program = (typeof programs)[number];

/**
 * Prometheus, or its own checker of rules: from PATH or the cache. With `CI=true` on Debian or Ubuntu both are unpacked
 * into the cache, which needs no root and installs nothing.
 */
export function findPrometheus(program: Program, env: NodeJS.ProcessEnv = process.env): string | undefined {
  const cache = join(cacheFolder(env), 'prometheus');
  const find = () => [...(env.PATH ?? '').split(delimiter), cache].map((folder) => join(folder, program)).find(isThere);
  const mayUnpack = env.CI === 'true' && isThere('/usr/bin/apt-get');
  return find() ?? (mayUnpack && unpack(cache) ? find() : undefined);
}

const isThere = (path: string): boolean => existsSync(path);

/** Told with the tests that are skipped without it. */
export const howToGetPrometheus = 'needs Prometheus 2: `CI=true npm test -- test/observability` unpacks it';

/** Says whether it could: without a network, or such a package, the tests that need it are skipped, and counted. */
function unpack(target: string): boolean {
  mkdirSync(target, { recursive: true });
  const work = mkdtempSync(join(target, '.unpacking-'));
  try {
    const run = (program: string, args: readonly string[]) =>
      execFileSync(program, args, { cwd: work, stdio: 'pipe', timeout: 120_000 });
    if (!download(run, work)) return false;
    const [deb] = readdirSync(work).filter((name) => name.endsWith('.deb'));
    if (deb === undefined) return false;
    run('dpkg-deb', ['-x', deb, 'files']);
    for (const program of programs) renameSync(join(work, 'files', 'usr', 'bin', program), join(target, program));
    return true;
  } catch {
    return false;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** With the machine's package lists, or else with lists of its own. */
function download(run: (program: string, args: readonly string[]) => void, work: string): boolean {
  const common = ['-q', '-o', 'APT::Sandbox::User=root', '-o', 'Debug::NoLocking=1', '-o', 'Acquire::Retries=1'];
  const lists = join(work, 'lists');
  mkdirSync(join(lists, 'partial'), { recursive: true });
  const own = ['-o', `Dir::State::lists=${lists}`, '-o', `Dir::Cache=${work}`];
  const tries = [() => run('apt-get', [...common, 'download', 'prometheus'])];
  tries.push(() => {
    run('apt-get', [...common, ...own, 'update']);
    run('apt-get', [...common, ...own, 'download', 'prometheus']);
  });
  return tries.some((attempt) => {
    try {
      attempt();
      return true;
    } catch {
      return false;
    }
  });
}

/** A scrape target, with labels that its series get. */
export interface Target {
  readonly address: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** A series: its labels, and its values over time. */
export interface Series {
  readonly metric: Readonly<Record<string, string>>;
  readonly values: readonly (readonly [seconds: number, value: string])[];
}

/** A running Prometheus, on loopback. */
export interface Prometheus {
  readonly url: string;
  /** What the query is at each second of the time that this Prometheus has been running. */
  queryRange(query: string): Promise<readonly Series[]>;
  /** What the query is now. */
  query(query: string): Promise<readonly Series[]>;
  stop(): Promise<void>;
}

/** Scrapes the targets that there are each second, and evaluates the rules as often. */
export async function startPrometheus(targets: () => readonly Target[], rules: readonly string[]): Promise<Prometheus> {
  const program = findPrometheus('prometheus');
  if (program === undefined) throw new Error(howToGetPrometheus);
  const folder = mkdtempSync(join(tmpdir(), 'jobpulse-test-prometheus-'));
  const discovery = await serveTargets(targets);
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const config = {
    global: { scrape_interval: '1s', evaluation_interval: '1s' },
    rule_files: rules,
    scrape_configs: [
      {
        ...{ job_name: 'jobpulse', honor_labels: true },
        http_sd_configs: [{ url: discovery.url, refresh_interval: '1s' }],
      },
    ],
  };
  writeFileSync(join(folder, 'prometheus.yml'), stringify(config));
  const startedAt = Date.now();
  const child = spawn(
    program,
    [
      `--config.file=${folder}/prometheus.yml`,
      `--storage.tsdb.path=${folder}/data`,
      `--web.listen-address=127.0.0.1:${port}`,
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  const said = text(child.stderr);
  const ended = once(child, 'exit');
  const isReady = async () => (await fetch(`${url}/-/ready`).catch(() => undefined))?.status === 200;
  while (!(await isReady())) {
    if (child.exitCode !== null) throw new Error(`Prometheus did not start: ${await said}`);
    await sleep(50);
  }
  const get = async (path: string, params: Record<string, string>): Promise<Answer> => {
    const answer = await fetch(`${url}/api/v1/${path}`, { method: 'POST', body: new URLSearchParams(params) });
    const body = (await answer.json()) as { status: string; error?: string; data: Answer };
    if (body.status !== 'success') throw new Error(`${params.query}: ${body.error}`);
    return body.data;
  };
  return {
    url,
    queryRange: async (query) => {
      const period = { start: String(startedAt / 1000), end: String(Date.now() / 1000) };
      return (await get('query_range', { query, ...period, step: '1' })).result as Series[];
    },
    query: async (query) => {
      const { result } = await get('query', { query });
      return (result as Instant[]).map(({ metric, value }) => ({ metric, values: [value] }));
    },
    stop: async () => {
      child.kill('SIGTERM');
      await Promise.all([ended, discovery.close()]);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

interface Instant {
  readonly metric: Series['metric'];
  readonly value: Series['values'][number];
}
interface Answer {
  readonly result: readonly unknown[];
}

/** The targets as Prometheus' HTTP discovery reads them. */
async function serveTargets(targets: () => readonly Target[]) {
  const server = createServer((_, response) => {
    const groups = targets().map(({ address, labels }) => ({ targets: [address], labels }));
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(groups));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { RunReport } from '../../src/run/report.ts';
import { startUsajobs, type UsajobsDouble } from '../servers/usajobs/double.ts';
import { ask, type Ended, jobpulse, onlyDataset, phasesOf, root, secretsOf, usajobsRun } from './harness.ts';
import { descendants, outliving } from './processes.ts';

const [postings, pageSize] = [300, 20];
const pages = postings / pageSize;
const settings = ['--set', `spec.datasets[0].extract.rest.paging.page.size=${pageSize}`];

const folders: string[] = [];
const doubles: UsajobsDouble[] = [];

/** A source and a data directory of one scenario. */
async function place(latencyMs: number): Promise<{ source: UsajobsDouble; dataDir: string }> {
  const source = await startUsajobs({ seed: 3, postings, latencyMs });
  const dataDir = await mkdtemp(join(tmpdir(), 'jobpulse-interrupt-'));
  doubles.push(source);
  folders.push(dataDir);
  return { source, dataDir };
}

/** A command in a process group of its own, as a shell starts one in a terminal. */
function startInGroup(args: readonly string[], env: NodeJS.ProcessEnv): { child: ChildProcess; ended: Promise<Ended> } {
  const { PATH, HOME } = process.env;
  const stdio = ['ignore', 'pipe', 'pipe'] as const;
  const child = spawn(join(root, 'bin', 'jobpulse'), args, {
    env: { PATH, HOME, ...env },
    detached: true,
    stdio: [...stdio],
  });
  const ended = Promise.all([once(child, 'exit'), text(child.stdout), text(child.stderr)]).then(
    ([[code], stdout, stderr]): Ended => ({ code: code as number | null, stdout, stderr }),
  );
  return { child, ended };
}

/** What is in the table: the same however a run got there. */
async function rowsOf(dataDir: string): Promise<unknown> {
  const [rows] = await ask(
    dataDir,
    `SELECT count(*)::INTEGER AS rows, md5(string_agg(_row_hash, ',' ORDER BY matched_object_id)) AS hash
     FROM usajobs.postings`,
  );
  return rows;
}

interface Interruption {
  readonly latencyMs: number;
  /** Pages the source was asked for before. */
  readonly after: number;
  /** Ends the command; the process group is named by the negative id. */
  readonly stop: (pid: number) => Promise<void> | void;
}

interface Interrupted extends Ended {
  /** From the first signal to the end. */
  readonly seconds: number;
  /** Processes that lived on for five seconds. */
  readonly left: readonly unknown[];
  /** The same command, again. */
  readonly again: RunReport;
  readonly againSeconds: number;
  readonly rows: unknown;
  /** How often each page was asked for. */
  readonly asked: ReadonlyMap<string, number>;
}

const secondsSince = (start: number): number => Math.round((performance.now() - start) / 100) / 10;

/** Interrupts a slow run, sees what is left of it, and runs the same command again, at a source that is quick now. */
async function interrupt({ latencyMs, after, stop }: Interruption): Promise<Interrupted> {
  const { source, dataDir } = await place(latencyMs);
  const args = usajobsRun(source, dataDir, ...settings);
  const { child, ended } = startInGroup(args, secretsOf(source));
  const pid = child.pid ?? 0;
  while (source.ledger().requests.length < after) await sleep(10);
  const started = await descendants(pid);
  const stoppedAt = performance.now();
  await stop(pid);
  const end = await ended;
  const seconds = secondsSince(stoppedAt);
  const left = await outliving(started, 5);
  source.behave({ latencyMs: 0 });
  const againAt = performance.now();
  const again = await jobpulse(args, secretsOf(source));
  const againSeconds = secondsSince(againAt);
  if (again.code !== 3) throw new Error(`exit ${again.code}: ${again.stderr}`); // a check of the example warns
  const asked = new Map<string, number>();
  for (const { page } of source.ledger().requests) asked.set(page, (asked.get(page) ?? 0) + 1);
  const report = JSON.parse(again.stdout) as RunReport;
  expect(started.length).toBeGreaterThanOrEqual(4); // three workers and Redis, with its guard
  return { ...end, seconds, left, again: report, againSeconds, rows: await rowsOf(dataDir), asked };
}

const scenarios = {
  ctrlC: () => interrupt({ latencyMs: 300, after: 4, stop: (pid) => void process.kill(-pid, 'SIGINT') }),
  sigterm: () => interrupt({ latencyMs: 4000, after: 2, stop: (pid) => void process.kill(pid, 'SIGTERM') }),
  twice: () =>
    interrupt({
      latencyMs: 4000,
      after: 2,
      stop: async (pid) => {
        process.kill(-pid, 'SIGINT');
        await sleep(700);
        process.kill(-pid, 'SIGINT');
      },
    }),
  killed: killCommand,
  client: interruptClient,
  owner: interruptOwner,
};

/** The time that going on takes is held against that of a run from the start, under the same load. */
async function killCommand() {
  const outcome = await interrupt({
    latencyMs: 300,
    after: 4,
    stop: (pid) => void process.kill(pid, 'SIGKILL'),
  });
  const startedAt = performance.now();
  await runUndisturbed();
  return { ...outcome, undisturbedSeconds: secondsSince(startedAt) };
}

async function runUndisturbed(): Promise<unknown> {
  const { source, dataDir } = await place(0);
  await jobpulse(usajobsRun(source, dataDir, ...settings), secretsOf(source));
  return rowsOf(dataDir);
}

/** Two commands on one data directory; the second is done by the process of the first. */
async function ownerAndClient(latencyMs: number) {
  const { source, dataDir } = await place(latencyMs);
  const args = usajobsRun(source, dataDir, ...settings);
  const owner = startInGroup(args, secretsOf(source));
  while (source.ledger().requests.length < 2) await sleep(10);
  const client = startInGroup(args, secretsOf(source));
  // The pages of two slices: both runs are under way.
  while (!hasTwice(source, '1')) await sleep(10);
  return { source, dataDir, args, owner, client };
}

const hasTwice = (source: UsajobsDouble, page: string): boolean =>
  source.ledger().requests.filter((request) => request.page === page).length >= 2;

async function interruptClient() {
  const { source, dataDir, args, owner, client } = await ownerAndClient(500);
  const stoppedAt = performance.now();
  client.child.kill('SIGINT');
  const end = await client.ended;
  const seconds = secondsSince(stoppedAt);
  source.behave({ latencyMs: 0 });
  const ownerEnd = await owner.ended;
  const again = await jobpulse(args, secretsOf(source));
  return { ...end, seconds, owner: ownerEnd, again, rows: await rowsOf(dataDir) };
}

async function interruptOwner() {
  const { dataDir, owner, client } = await ownerAndClient(500);
  const started = await descendants(owner.child.pid ?? 0);
  owner.child.kill('SIGINT');
  const end = await owner.ended;
  const left = await outliving(started, 5);
  const clientEnd = await client.ended;
  return { ...end, left, client: clientEnd, phases: await phasesOf(dataDir), rows: await rowsOf(dataDir) };
}

type Outcomes = { [Name in keyof typeof scenarios]: ReturnType<(typeof scenarios)[Name]> };
let outcomes: Outcomes;
let undisturbed: unknown;

beforeAll(async () => {
  undisturbed = await runUndisturbed();
  const { ctrlC, sigterm, twice, client, owner, killed } = scenarios;
  // They mostly wait, so some wait together.
  const first = { ctrlC: ctrlC(), sigterm: sigterm(), twice: twice() };
  const second = Promise.allSettled(Object.values(first)).then(() => ({ client: client(), owner: owner() }));
  const third = second.then((both) => Promise.allSettled(Object.values(both))).then(killed);
  outcomes = {
    ...first,
    client: second.then((both) => both.client),
    owner: second.then((both) => both.owner),
    killed: third,
  };
  for (const outcome of Object.values(outcomes)) outcome.catch(() => undefined);
}, 120_000);

afterAll(async () => {
  await Promise.allSettled(Object.values(outcomes ?? {}));
  await Promise.all(doubles.map((each) => each.close()));
  for (const path of folders) rmSync(path, { recursive: true, force: true, maxRetries: 5 });
  console.log(figures.join('\n'));
}, 120_000);

const figures: string[] = [];

function expectResumed(name: string, { seconds, left, again, againSeconds, rows }: Interrupted): void {
  figures.push(`${name}: ended after ${seconds} s; the same command went on in ${againSeconds} s`);
  expect(left).toEqual([]);
  expect(again).toMatchObject({ status: 'Succeeded', conserved: true });
  expect(onlyDataset(again)).toMatchObject({ fetched: postings, read: postings, slices: 1 });
  expect(rows).toEqual(undisturbed);
}

/** How many pages were asked for more often than once. */
const askedAgain = ({ asked }: Interrupted): number => [...asked.values()].reduce((sum, times) => sum + times - 1, 0);

test('Ctrl-C brings the step under way to its end and says what is saved; no page is asked for again', async () => {
  const outcome = await outcomes.ctrlC;
  expectResumed('Ctrl-C', outcome);
  expect(outcome.code).toBe(130);
  expect(outcome.stderr).toMatch(/interrupted: running steps are brought to an end \(again: stop at once\)/);
  expect(outcome.stderr).toMatch(
    /jobpulse: interrupted: usajobs-\S+ is saved: 1 of 1 steps known so far are published/,
  );
  expect(outcome.stderr).toContain('Run the same command again to go on');
  expect(outcome.asked.size).toBe(pages);
  expect(askedAgain(outcome)).toBe(0);
});

test('SIGTERM ends a step that takes too long where it is, and says how far it was', async () => {
  const outcome = await outcomes.sigterm;
  expectResumed('SIGTERM', outcome);
  expect(outcome.code).toBe(130);
  expect(outcome.seconds).toBeLessThan(27);
  expect(outcome.stderr).toMatch(
    /is saved: 0 of 1 steps known so far are published, under way: extract of postings \(page \d+: \d+ of 300 records\)/,
  );
  // The page that was under way, and the one asked for ahead of it.
  expect(askedAgain(outcome)).toBeLessThanOrEqual(2);
});

test('a second Ctrl-C ends at once, and loses no page that had come', async () => {
  const outcome = await outcomes.twice;
  expectResumed('Ctrl-C twice', outcome);
  expect(outcome.code).toBe(130);
  expect(outcome.seconds).toBeLessThan(8);
  expect(askedAgain(outcome)).toBeLessThanOrEqual(2);
});

test('nothing outlives a command that is killed, and the next goes on at once', async () => {
  const outcome = await outcomes.killed;
  expectResumed('kill -9', outcome);
  expect(outcome.code).toBeNull();
  expect(askedAgain(outcome)).toBeLessThanOrEqual(2);
  // Locks and leases of the dead are not waited for: they last ten seconds and more.
  expect(outcome.againSeconds).toBeLessThan(outcome.undisturbedSeconds + 8);
});

test('a command that another process works for ends at once, and leaves the other alone', async () => {
  const outcome = await outcomes.client;
  expect(outcome.code).toBe(130);
  expect(outcome.seconds).toBeLessThan(8);
  expect(outcome.stderr).toMatch(/jobpulse: interrupted: usajobs-\S+ is saved: \d of 1 steps/);
  expect(outcome.owner.code, outcome.owner.stderr).toBe(3);
  expect(outcome.again.code, outcome.again.stderr).toBe(3);
  expect(outcome.rows).toEqual(undisturbed);
});

test('when the process that works for another command is interrupted, that command takes over', async () => {
  const outcome = await outcomes.owner;
  expect(outcome.code).toBe(130);
  expect(outcome.left).toEqual([]);
  expect(outcome.client.code, outcome.client.stderr).toBe(3);
  expect(outcome.phases).toEqual(['Cancelled', 'Succeeded']);
  expect(outcome.rows).toEqual(undisturbed);
});

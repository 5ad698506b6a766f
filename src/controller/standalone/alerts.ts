import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { Pipeline, PipelineRun, SecretKeyRef } from '../../api/index.ts';
import type { AlertSpec } from '../../api/side.ts';
import { mapBounded } from '../../lake/lake.ts';
import { layout } from '../../lake/layout.ts';
import { canonical } from '../../run/key.ts';
import type { RunReport } from '../../run/report.ts';
import type { ReadSecret } from '../../workers/stage.ts';
import { type AlertGroup, afterSending, decideAlerts, idOf, isGivenUp, type Watched } from '../alerts/decide.ts';
import { tellingRun } from '../alerts/judge.ts';
import { alertMessage } from '../alerts/message.ts';
import type { SendAlert } from '../alerts/send.ts';
import { type AlertBook, readAlertBook, writeAlertBook } from './alertBook.ts';
import { lakeOf } from './lake.ts';
import { namespace } from './namespace.ts';
import type { Resources } from './resources.ts';

export interface AlertsInput {
  readonly dataDir: string;
  readonly resources: Resources;
  /** Names of the pipelines that are looked after now. */
  readonly served: ReadonlySet<string>;
  readonly secret: ReadSecret;
  readonly send: SendAlert;
  readonly log: Logger;
}

/** Tells the receivers of `spec.alerts` what goes wrong and when it is over. */
export interface Alerts {
  /** Looks once more, waits a little for what is not sent yet, and ends. What is left is sent by the next process. */
  stop(): Promise<void>;
}

const pollMs = 1_000;
/** At its end a process waits this long for receivers. */
const lastWordsMs = 5_000;
const atOnce = 4;

/** Looks once a second, beside the runs: nothing waits for it. */
export function keepAlerts(input: AlertsInput): Alerts {
  const ending = new AbortController();
  const looker = { ...input, reports: new Map<string, RunReport>(), signal: ending.signal };
  let book = readAlertBook(input.dataDir);
  let problem = '';
  /** What goes wrong here is tried again by the next look, and told once. */
  const look = async (): Promise<void> => {
    const before = await book;
    book = lookOnce(looker, before).catch((error: Error) => {
      if (error.message !== problem) input.log.warn(error, 'alerts cannot be kept');
      problem = error.message;
      return before;
    });
    await book;
  };
  let looking: Promise<void> | undefined;
  const timer = setInterval(() => {
    looking ??= look().finally(() => {
      looking = undefined;
    });
  }, pollMs).unref();
  return {
    async stop() {
      clearInterval(timer);
      const deadline = Date.now() + lastWordsMs;
      const end = setTimeout(() => ending.abort(), lastWordsMs);
      await looking;
      for (let next = Date.now(); next < deadline; next = nextTry(await book)) {
        await sleep(next - Date.now(), undefined, { signal: ending.signal }).catch(() => undefined);
        await look();
      }
      clearTimeout(end);
    },
  };
}

/** When something that could not be sent is tried again. */
const nextTry = ({ groups }: AlertBook): number =>
  Math.min(...groups.map(({ failing }) => (failing ? Date.parse(failing.nextTryAt) : Number.POSITIVE_INFINITY)));

interface Look extends AlertsInput {
  /** Newest report of each pipeline. */
  readonly reports: Map<string, RunReport>;
  readonly signal: AbortSignal;
}

async function lookOnce(input: Look, before: AlertBook): Promise<AlertBook> {
  const { watched, ...seen } = await see(input, before);
  const { send, state } = decideAlerts(seen.groups, watched, new Date());
  const { off } = seen;
  const book: AlertBook = { v: 1, groups: state, off };
  // Written first: who goes on after a kill knows since when it was so.
  if (canonical(before as never) !== canonical(book as never)) await writeAlertBook(input.dataDir, book);
  if (send.length === 0) return book;
  const sent = new Map((await mapBounded(send, atOnce, (group) => tell(input, group, watched))).map(byId));
  const groups = state.map((group) => sent.get(idOf(group)) ?? group).filter(({ alerts }) => alerts.length > 0);
  await writeAlertBook(input.dataDir, { v: 1, groups, off });
  return { v: 1, groups, off };
}

const byId = (group: AlertGroup): [string, AlertGroup] => [idOf(group), group];

type WatchedAlerts = Watched & { readonly alerts: readonly AlertSpec[] };

interface Sights extends Pick<AlertBook, 'groups' | 'off'> {
  readonly watched: readonly WatchedAlerts[];
}

/** The pipelines that are looked after, and what is in the book about those that are still there. */
async function see(input: Look, before: AlertBook): Promise<Sights> {
  const runs = Map.groupBy(await input.resources.runs.list(), ({ spec }) => spec.pipelineRef.name);
  const pipelines = await input.resources.pipelines.list();
  const names = new Set(pipelines.map(({ metadata }) => metadata.name));
  const served = pipelines.filter(({ metadata }) => input.served.has(metadata.name));
  const off = served.flatMap((pipeline) => receiversOff(pipeline, input.secret));
  const watched = await mapBounded(served, atOnce, (pipeline) =>
    watch(input, { pipeline, runs: runs.get(pipeline.metadata.name) ?? [], off }),
  );
  return {
    watched,
    groups: before.groups.filter(({ pipeline }) => names.has(pipeline)),
    off: [...off, ...before.off.filter(({ pipeline }) => names.has(pipeline) && !input.served.has(pipeline))],
  };
}

async function watch(
  input: Look,
  { pipeline, runs, off }: { pipeline: Pipeline; runs: readonly PipelineRun[]; off: AlertBook['off'] },
): Promise<WatchedAlerts> {
  const { name } = pipeline.metadata;
  const alerts = pipeline.spec.alerts.filter(
    (alert) => !off.some((each) => each.pipeline === name && each.receiver === alert.name),
  );
  if (alerts.length === 0) return { alerts, receivers: [], sight: { pipeline } };
  const run = tellingRun(runs);
  const report = run && (await reportOf(input, name, run));
  return { alerts, receivers: alerts, sight: { pipeline, ...(run && { run }), ...(report && { report }) } };
}

/** An address that may be missing, and is, means that nobody wants to be told. */
const receiversOff = ({ metadata, spec }: Pipeline, secret: ReadSecret): AlertBook['off'] =>
  spec.alerts.flatMap(({ name: receiver, webhook }) => {
    const { name, key, optional } = webhook.urlFrom.secretKeyRef;
    if (!optional || isThere(webhook.urlFrom.secretKeyRef, secret)) return [];
    return [{ pipeline: metadata.name, receiver, secret: `${name}, key ${key}` }];
  });

/** One that is there and cannot be read is told when somebody is to be told something. */
function isThere(ref: SecretKeyRef, secret: ReadSecret): boolean {
  try {
    return secret(ref) !== undefined;
  } catch {
    return true;
  }
}

/** The report that a run left; each is read once. */
async function reportOf(
  { dataDir, reports }: Look,
  pipeline: string,
  run: PipelineRun,
): Promise<RunReport | undefined> {
  const known = reports.get(pipeline);
  if (known?.run === run.metadata.name) return known;
  if (run.status?.reportURI === undefined) return undefined;
  const bytes = await lakeOf(dataDir, pipeline).store.get(layout.runReport(run.metadata.name));
  if (!bytes) return undefined;
  const report = JSON.parse(bytes.toString('utf8')) as RunReport;
  reports.set(pipeline, report);
  return report;
}

async function tell(input: Look, group: AlertGroup, watched: readonly WatchedAlerts[]): Promise<AlertGroup> {
  const { pipeline, receiver, kind, failing } = group;
  const alert = watched
    .find(({ sight }) => sight.pipeline.metadata.name === pipeline)
    ?.alerts.find(({ name }) => name === receiver);
  const problem = alert && (await sendTo(alert, group, input));
  if (input.signal.aborted && problem !== undefined) return group; // nobody's fault: the next process sends it
  const after = afterSending(group, problem, new Date());
  if (problem === undefined) return after;
  const what = `${pipeline}: alert ${receiver} could not tell of ${kind}: ${problem}`;
  if (isGivenUp(group)) input.log.warn(`${what}; given up until something changes`);
  else if (failing?.problem !== problem) input.log.warn(`${what}; it is tried again`);
  return after;
}

async function sendTo({ webhook }: AlertSpec, group: AlertGroup, input: Look): Promise<string | undefined> {
  try {
    const url = input.secret(webhook.urlFrom.secretKeyRef) ?? '';
    return await input.send(url, alertMessage(group, namespace), input.signal);
  } catch (error) {
    return (error as Error).message; // a secret that is missing, by name
  }
}

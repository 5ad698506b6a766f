import type { AlertKind, AlertSpec } from '../../api/side.ts';
import { type Judgement, judge, type Sight, type Trouble } from './judge.ts';

/** Something that is wrong, or that was and whose receiver has not been told yet that it is over. */
export interface Alert extends Trouble {
  readonly startsAt: string;
  /** Since when it is over. */
  readonly endsAt?: string;
  /** Whether the receiver has been told that it is wrong. */
  readonly told: boolean;
}

/** One kind of trouble of one pipeline, as one receiver is told about it: all of it in one message. */
export interface AlertGroup {
  readonly pipeline: string;
  /** Name of the alert in the manifest. */
  readonly receiver: string;
  readonly kind: AlertKind;
  readonly alerts: readonly Alert[];
  /** When the receiver was last told. */
  readonly toldAt?: string;
  /** Why it could not be told, how often that was tried in a row, and when it is tried again. */
  readonly failing?: { readonly problem: string; readonly tries: number; readonly nextTryAt: string };
}

/** A pipeline with those who are to be told about it. */
export interface Watched {
  readonly sight: Sight;
  readonly receivers: readonly Pick<AlertSpec, 'name' | 'when'>[];
}

/** How soon the same is told again while it goes on. */
export const repeatMs = 4 * 3600_000;
/** Alerts of one group: a pipeline has 50 datasets at most. */
const mostAlerts = 51;
const longestMessage = 1_000;

/**
 * Decides who is to be told what. Pure: what is known of each receiver is its input and its outcome. A group is sent when
 * something became wrong, when something that was told is over, and again every four hours while it goes on. What is
 * known about pipelines that are not seen stays; what a manifest no longer asks for is forgotten.
 */
export function decideAlerts(
  before: readonly AlertGroup[],
  seen: readonly Watched[],
  now: Date,
): { readonly send: readonly AlertGroup[]; readonly state: readonly AlertGroup[] } {
  const known = new Map(before.map((group) => [idOf(group), group]));
  const names = new Set(seen.map(({ sight }) => sight.pipeline.metadata.name));
  const current = seen.flatMap(({ sight, receivers }) =>
    receivers.flatMap(({ name: receiver, when }) =>
      [...new Set(when)].flatMap((kind) => {
        const bare = { pipeline: sight.pipeline.metadata.name, receiver, kind, alerts: [] };
        const group = advance(known.get(idOf(bare)) ?? bare, judge(kind, sight), now);
        return group.alerts.length === 0 ? [] : [group];
      }),
    ),
  );
  const unseen = before.filter(({ pipeline }) => !names.has(pipeline));
  return { send: current.filter((group) => isDue(group, now)), state: [...current, ...unseen] };
}

/** What makes a group the same one. */
export const idOf = ({ pipeline, receiver, kind }: Pick<AlertGroup, 'pipeline' | 'receiver' | 'kind'>): string =>
  JSON.stringify([pipeline, receiver, kind]);

/** The group as things are now. */
function advance(group: AlertGroup, { troubles, isOver }: Judgement, now: Date): AlertGroup {
  const firing = troubles.slice(0, mostAlerts).map((trouble): Alert => {
    const before = group.alerts.find(({ dataset }) => dataset === trouble.dataset);
    const startsAt = before?.endsAt === undefined ? before?.startsAt : undefined;
    return {
      ...trouble,
      message: trouble.message.slice(0, longestMessage),
      startsAt: startsAt ?? now.toISOString(),
      told: before?.told ?? false,
    };
  });
  const others = group.alerts
    .filter(({ dataset }) => !troubles.some((trouble) => trouble.dataset === dataset))
    .flatMap((alert) => ended(alert, isOver(alert.dataset), now));
  return { ...group, alerts: [...firing, ...others].slice(0, mostAlerts) };
}

/** What nobody was told about needs no message that it is over. */
function ended(alert: Alert, isOver: boolean, now: Date): Alert[] {
  if (!isOver || alert.endsAt !== undefined) return [alert];
  return alert.told ? [{ ...alert, endsAt: now.toISOString() }] : [];
}

function isDue({ alerts, toldAt, failing }: AlertGroup, now: Date): boolean {
  if (failing && now < new Date(failing.nextTryAt)) return false;
  const isNews = alerts.some(({ told, endsAt }) => !told || endsAt !== undefined);
  return isNews || now.getTime() - Date.parse(toldAt ?? '1970-01-01') >= repeatMs;
}

/** Waits between tries double from here … */
const firstWaitMs = 1_000;
const longestWaitMs = 3600_000;
/** … and after so many in a row, which take over an hour, the message is given up. */
const mostTries = 12;

/** A group after it was sent, or could not be. One without alerts is done with. */
export function afterSending(group: AlertGroup, problem: string | undefined, now: Date): AlertGroup {
  const { failing, ...rest } = group;
  const tries = (failing?.tries ?? 0) + 1;
  if (problem !== undefined && tries < mostTries) {
    const wait = Math.min(firstWaitMs * 2 ** (tries - 1), longestWaitMs);
    return { ...rest, failing: { problem, tries, nextTryAt: new Date(now.getTime() + wait).toISOString() } };
  }
  // Given up is as if told: it is told again when something changes, or with the next repetition.
  const alerts = group.alerts.flatMap((alert) => (alert.endsAt === undefined ? [{ ...alert, told: true }] : []));
  return { ...rest, alerts, toldAt: now.toISOString() };
}

/** Whether a message was given up with this try. */
export const isGivenUp = ({ failing }: AlertGroup): boolean => failing?.tries === mostTries - 1;

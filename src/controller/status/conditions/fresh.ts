import { freshUntil, lastSuccess } from '../runs.ts';
import { specAtWork } from '../seen.ts';
import { type Judge, no, unknown, yes } from './judge.ts';

/** Whether the newest data is young enough. It says nothing that changes while time passes. */
export const fresh: Judge = (seen) => {
  const freshness = specAtWork(seen)?.freshness;
  const until = freshUntil(seen);
  if (freshness === undefined) return yes('NoObjective');
  if (until === undefined) return unknown('NoSuccess', 'no run has ended well yet');
  const since = lastSuccess(seen);
  const inTime = seen.now < until;
  if (since === undefined) {
    return inTime
      ? unknown('NoSuccess', `no run has ended well yet; one has to until ${until.toISOString()}`)
      : no('Stale', `no run has ended well within ${freshness}; see why with: jobpulse why`);
  }
  return inTime
    ? yes('WithinObjective', `the newest data is of ${since}`)
    : no('Stale', `the newest data is of ${since}, which is older than ${freshness}`);
};

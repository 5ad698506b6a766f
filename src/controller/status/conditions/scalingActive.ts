import { usedPools } from '../seen.ts';
import { type Judge, unknown, yes } from './judge.ts';

/** Whether the number of workers follows the work. */
export const scalingActive: Judge = (seen) => {
  if (seen.unattended) return unknown('Unattended', 'nobody looks after it; `jobpulse up` goes on from here');
  const all = usedPools(seen);
  const ours = all.filter(([, { provider }]) => provider === 'Internal');
  if (all.length > 0 && ours.length === 0) return yes('External', 'something else sets the number of workers');
  const unread = ours.filter(([, { decision }]) => decision?.reason === 'QueuesUnreadable').map(([name]) => name);
  if (seen.queues === undefined || unread.length > 0) {
    const which = unread.length === 0 ? 'the queues' : `the queues of ${unread.join(', ')}`;
    return unknown('QueuesUnreadable', `${which} cannot be read; the number of workers is held until Redis answers`);
  }
  if (ours.some(([, { decision }]) => decision === undefined)) return unknown('Undecided');
  const others = all.filter(([, { provider }]) => provider === 'External').map(([name]) => name);
  if (others.length === 0) return yes('Deciding');
  const which = ours.map(([name]) => name).join(' and ');
  return yes(
    'Deciding',
    `the autoscaler sets the number of workers of ${which}; something else that of ${others.join(' and ')}`,
  );
};

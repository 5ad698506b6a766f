import type { Finding } from '../problem.ts';
import { datasetsOf, type Policy } from './policy.ts';

/** One request for each item: which items there are decides what is asked, and nothing else. */
export const soundForEach: Policy = (pipeline) =>
  datasetsOf(pipeline).flatMap(({ dataset: { extract }, at }): Finding[] => {
    const { forEach, paging, resultCap, path = '', query, body } = extract.rest ?? {};
    if (!forEach) return [];
    const beside = (place: readonly string[], found: string, fix: string): Finding => ({
      at: [...at, 'extract', ...place],
      what: `found ${found} beside rest.forEach, which makes one request for each item`,
      found,
      fix,
    });
    const named = JSON.stringify([path, query, body]).includes('item.');
    return [
      ...(paging ? [beside(['rest', 'paging'], 'paging', 'Leave paging out, or ask without forEach.')] : []),
      ...(resultCap ? [beside(['rest', 'resultCap'], 'resultCap', 'Leave resultCap out.')] : []),
      ...(extract.window
        ? [beside(['window'], 'window', 'Leave window out: the periods are those of the other dataset.')]
        : []),
      ...(named ? [] : [unnamed(at)]),
    ];
  });

const unnamed = (at: Finding['at']): Finding => ({
  at: [...at, 'extract', 'rest', 'forEach'],
  what: 'found no {{ item.<column> }} in rest.path, query or body: all requests would be the same',
  found: 'forEach',
  fix: 'Name a column of the other dataset: path: /records/{{ item.id }}.',
});

/** Only items can wait for the next run. */
export const paidItems: Policy = (pipeline) =>
  datasetsOf(pipeline)
    .filter(({ dataset: { extract } }) => extract.credits && !extract.rest?.forEach)
    .map(({ at }) => ({
      at: [...at, 'extract', 'credits'],
      what: 'found credits without rest.forEach: what a budget does not cover must be able to wait for the next run',
      found: 'credits',
      allowed: 'credits with rest.forEach',
      fix: 'Leave credits out, or ask for items with forEach.',
    }));

import type { Dataset } from '../pipeline.ts';
import { type Finding, type Path, shown } from '../problem.ts';
import { datasetsOf, type Policy } from './policy.ts';

const secretName = /(^cookie$|authorization|token|secret|password|credential|api[-_]?key|access[-_]?key)/i;

/** A header that carries a secret takes it from a Secret: a manifest is read by many. */
export const secretHeaders: Policy = (pipeline) =>
  datasetsOf(pipeline).flatMap(({ dataset, at }) =>
    (dataset.extract.rest?.headers ?? []).flatMap(({ name, value }, index) => {
      if (value === undefined || !secretName.test(name)) return [];
      return [
        {
          at: [...at, 'extract', 'rest', 'headers', index, 'value'],
          what: `found the value of ${name} in the manifest, where everyone can read it`,
          found: 'a value that is not shown',
          allowed: 'valueFrom',
          fix: 'Put the value into a Secret and write valueFrom: {secretKeyRef: {name: …, key: …}}.',
        },
      ];
    }),
  );

/** Hosts whose owners forbid robots unless they have allowed it. */
const closedHosts = ['linkedin.com'];

/** No secret in an address, and no closed host without its owner's permission. */
export const openHosts: Policy = (pipeline) =>
  datasetsOf(pipeline).flatMap(({ dataset, at }) =>
    addresses(dataset, [...at, 'extract']).flatMap(({ place, host, login }) => [
      ...(login ? [loginInAddress(place)] : []),
      ...(dataset.extract.crawl?.permission === undefined ? closedHost(place, host) : []),
    ]),
  );

/** Without records that can be counted, nobody knows which page is the last. */
export const countedPages: Policy = (pipeline) =>
  datasetsOf(pipeline).flatMap(({ dataset, at }) => {
    const { extract, format } = dataset;
    if (extract.rest?.paging === undefined || format.json || format.jsonl) return [];
    const found = Object.keys(format).join();
    return [
      {
        at: [...at, 'format'],
        what: `found ${found} with extract.rest.paging, which counts the records of a page`,
        found,
        allowed: 'json, jsonl',
        fix: 'Use json or jsonl, or leave paging out.',
      },
    ];
  });

/** A path into the body needs a body that is one JSON document; elsewhere it finds nothing, which looks like the end. */
export const pathsIntoJson: Policy = (pipeline) =>
  datasetsOf(pipeline).flatMap(({ dataset, at }) => {
    const { cursor, next, total } = dataset.extract.rest?.paging ?? {};
    const found = Object.keys(dataset.format).join();
    const places: (readonly [Path, string | undefined])[] = [
      [['cursor', 'next', 'path'], cursor?.next.path],
      [['next', 'path'], next?.path],
      [['total', 'path'], total?.path],
    ];
    return places.flatMap(([place, path]) => {
      if (path === undefined || found !== 'jsonl') return [];
      return [
        {
          at: [...at, 'extract', 'rest', 'paging', ...place],
          what: `found a path into the body, but format is ${found}, whose body is many documents`,
          found: shown(path),
          allowed: 'header',
          fix: 'Use header, or format json.',
        },
      ];
    });
  });

/** A crawl starts where it may go. */
export const crawledHosts: Policy = (pipeline) =>
  datasetsOf(pipeline).flatMap(({ dataset, at }) => {
    const { start = [], hosts = [] } = dataset.extract.crawl ?? {};
    return start.flatMap((address, index) => {
      const { host } = parts(address);
      if (hosts.includes(host)) return [];
      const place = [...at, 'extract', 'crawl', 'start', index];
      const found = host === '' ? shown(address) : host;
      return [
        { at: place, what: `found the host ${found}`, found, allowed: hosts.join(', '), fix: 'Add it to hosts.' },
      ];
    });
  });

interface Address {
  readonly place: Path;
  readonly host: string;
  readonly login: boolean;
}

function addresses({ extract }: Dataset, at: Path): Address[] {
  const { rest, files, crawl } = extract;
  const texts: (readonly [Path, string])[] = [
    ...(rest ? [[[...at, 'rest', 'baseUrl'], rest.baseUrl] as const] : []),
    ...(rest?.auth?.oauth2
      ? [[[...at, 'rest', 'auth', 'oauth2', 'tokenUrl'], rest.auth.oauth2.tokenUrl] as const]
      : []),
    ...(files?.http?.urls ?? []).map((url, index) => [[...at, 'files', 'http', 'urls', index], url] as const),
    ...(crawl?.start ?? []).map((url, index) => [[...at, 'crawl', 'start', index], url] as const),
    ...(crawl?.hosts ?? []).map((host, index) => [[...at, 'crawl', 'hosts', index], `https://${host}`] as const),
  ];
  return texts.map(([place, text]) => ({ place, ...parts(text) }));
}

/** Host and login of an address that may hold templates behind its host. */
function parts(address: string): { host: string; login: boolean } {
  const [, login, host = ''] = /^https?:\/\/([^/?#@]*@)?([^/?#:]*)/i.exec(address) ?? [];
  return { host: host.toLowerCase(), login: login !== undefined };
}

const loginInAddress = (at: Path): Finding => ({
  at,
  what: 'found a user name or password in the address',
  found: 'an address that is not shown',
  allowed: 'scheme, host and path',
  fix: 'Use auth or a header with valueFrom.',
});

function closedHost(at: Path, host: string): Finding[] {
  const closed = closedHosts.find((name) => host === name || host.endsWith(`.${name}`));
  if (closed === undefined) return [];
  return [
    {
      at,
      what: `found ${host}: ${closed} forbids robots that have no express permission`,
      found: host,
      fix: 'Use a licensed source, or extract.crawl with permission: {grantedBy, reference, date}.',
    },
  ];
}

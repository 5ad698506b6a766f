import { type LookupAddress, lookup } from 'node:dns';
import { BlockList, isIP, isIPv6, type LookupFunction } from 'node:net';
import { buildConnector } from 'undici';
import { TerminalError } from '../../run/errors.ts';

/** Where clouds hand out the machine's own credentials. Nobody may allow these. */
export const metadataAddresses: readonly string[] = [
  '169.254.169.254', // AWS, Azure, Google Cloud, Oracle, DigitalOcean
  '169.254.170.2', // AWS containers
  '169.254.170.23', // AWS pods
  '100.100.100.200', // Alibaba Cloud
  '168.63.129.16', // Azure's wire server
  '192.0.0.192', // Oracle
  'fd00:ec2::254', // AWS
  'fd00:ec2::23', // AWS pods
  'fd20:ce::254', // Google Cloud
];

/** Addresses that are not on the public internet (IANA special-purpose registries, multicast, tunnels that embed IPv4). */
export const privateNetworks: readonly string[] = [
  ...['0.0.0.0/8', '10.0.0.0/8', '100.64.0.0/10', '127.0.0.0/8', '169.254.0.0/16', '172.16.0.0/12', '192.0.0.0/24'],
  ...['192.0.2.0/24', '192.88.99.0/24', '192.168.0.0/16', '198.18.0.0/15', '198.51.100.0/24', '203.0.113.0/24'],
  ...['168.63.129.16/32', '224.0.0.0/4', '240.0.0.0/4'],
  ...['::/96', '64:ff9b:1::/48', '100::/64', '2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20', '5f00::/16'],
  ...['fc00::/7', 'fe80::/10', 'fec0::/10', 'ff00::/8'],
];

/** Forms in which an IPv6 address carries an IPv4 address: compatible, mapped, translated (NAT64). */
const embeddings = ['::', '::ffff:', '64:ff9b::'];

const metadata = blockList(metadataAddresses.map((address) => `${address}/${isIPv6(address) ? 128 : 32}`));
const notPublic = blockList(privateNetworks);

function blockList(networks: readonly string[]): BlockList {
  const list = new BlockList();
  for (const network of networks) {
    const [address = '', bits = ''] = network.split('/');
    list.addSubnet(address, Number(bits), isIPv6(address) ? 'ipv6' : 'ipv4');
    if (isIPv6(address)) continue;
    for (const form of embeddings) list.addSubnet(form + address, 96 + Number(bits), 'ipv6');
  }
  return list;
}

/** Why a connection to this address is refused, or `undefined` when it is allowed. `host` is only for the message. */
export function addressRefusal(address: string, host: string, allowPrivate: boolean): TerminalError | undefined {
  const bare = address.replace(/%.*$/, '');
  const family = isIPv6(bare) ? 'ipv6' : 'ipv4';
  const what = host === address ? address : `${host} (${address})`;
  if (metadata.check(bare, family)) {
    return new TerminalError('AddressRefused', `${what} is a cloud metadata address; these are never asked`);
  }
  if (allowPrivate || !notPublic.check(bare, family)) return undefined;
  return new TerminalError(
    'AddressRefused',
    `${what} is a private or local address; only who starts the process can allow those (--allow-private-networks)`,
  );
}

/**
 * A connector that checks the address of every connection it opens, after the name is resolved and before a byte is
 * sent: a name that resolves to something else the second time is checked the second time.
 */
export function guardedConnector(allowPrivate: boolean, timeoutMs: number): buildConnector.connector {
  const connect = buildConnector({ timeout: timeoutMs, allowH2: false, lookup: guardedLookup(allowPrivate) });
  return (options, callback) => {
    const literal = options.hostname.replace(/^\[(.*)\]$/, '$1');
    const refusal = isIP(literal) === 0 ? undefined : addressRefusal(literal, literal, allowPrivate);
    if (refusal) process.nextTick(callback, refusal, null);
    else connect(options, callback);
  };
}

function guardedLookup(allowPrivate: boolean): LookupFunction {
  return (host, options, callback) => {
    lookup(host, { ...options, all: true }, (error, addresses: LookupAddress[]) => {
      const [first] = addresses ?? [];
      if (error || !first) return callback(error ?? new Error(`${host} has no address`), '');
      for (const { address } of addresses) {
        const refusal = addressRefusal(address, host, allowPrivate);
        if (refusal) return callback(refusal, '');
      }
      return options.all ? callback(null, addresses) : callback(null, first.address, first.family);
    });
  };
}

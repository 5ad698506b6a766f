import { isIPv6 } from 'node:net';
import type { Pipeline } from '../../../api/index.ts';
import { metadataAddresses, privateNetworks } from '../../../connectors/http/addresses.ts';
import type { PoolName } from '../../../queue/names.ts';
import type { Json } from '../../../run/key.ts';
import { urlOf } from '../../../run/specs.ts';
import type { Installation, Peer, Target } from '../installation.ts';
import { healthPort } from '../names.ts';

/** Whom the workers of a pool may talk to. Only those that ask the sources reach the internet. */
export function networkPolicySpec(
  installation: Installation,
  pool: PoolName,
  selector: Json,
  pipeline: Pick<Pipeline, 'spec'>,
): Json {
  const { dns, redis, lake = bucketOf(installation), warehouse, metrics } = installation.networkPolicy;
  return {
    podSelector: selector,
    policyTypes: ['Ingress', 'Egress'],
    ingress: [{ ...peers('from', metrics), ports: ports('TCP', [healthPort.number]) }],
    egress: [
      { ...peers('to', dns.to), ports: [...ports('UDP', dns.ports), ...ports('TCP', dns.ports)] },
      service(redis),
      ...(lake ? [service(lake)] : []),
      ...(pool === 'warehouse' && urlOf(pipeline) ? [service(warehouse)] : []),
      ...(pool === 'extract' ? [internet(installation.allowPrivateNetworks)] : []),
    ],
  };
}

/** Where a bucket is said to be: no more is known of it than its port. */
function bucketOf({ lake: { s3 } }: Installation): Target | undefined {
  if (!s3) return undefined;
  const { protocol, port } = new URL(s3.endpoint ?? 'https://s3.amazonaws.com');
  return { to: [], ports: [Number(port) || (protocol === 'http:' ? 80 : 443)] };
}

const service = ({ to, ports: numbers }: Target): Json => ({ ...peers('to', to), ports: ports('TCP', numbers) });

const ports = (protocol: 'TCP' | 'UDP', numbers: readonly number[]): Json[] =>
  numbers.map((port) => ({ protocol, port }));

/** An empty list of peers would mean all of them too, but is not what the API server gives back. */
const peers = (direction: 'from' | 'to', list: readonly Peer[]): { readonly [name: string]: Json } =>
  list.length === 0 ? {} : { [direction]: list };

/**
 * The addresses that workers themselves would not refuse. Workers check them too, after names are resolved; this holds
 * even for one that is taken over.
 */
function internet(allowPrivateNetworks: boolean): Json {
  const metadata = metadataAddresses.map((address) => `${address}/${isIPv6(address) ? 128 : 32}`);
  const refused = [...new Set([...(allowPrivateNetworks ? [] : privateNetworks), ...metadata])];
  const [v6, v4] = [refused.filter(isV6), refused.filter((network) => !isV6(network))];
  return {
    to: [{ ipBlock: { cidr: '0.0.0.0/0', except: v4 } }, { ipBlock: { cidr: '::/0', except: v6 } }],
  };
}

const isV6 = (network: string): boolean => network.includes(':');

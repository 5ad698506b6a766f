import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import type { Api, KubernetesObject } from './api.ts';
import { follow } from './follow.ts';

interface Service extends KubernetesObject {
  readonly spec: { readonly clusterIP?: string };
}

/** The last labels of every name in a cluster. */
export const clusterDomain = 'cluster.local';

const response = 0x8400;
const recursionDesired = 0x0100;
const noSuchName = 3;
/** Types of questions and the class of all of them. */
const [addressV4, internet] = [1, 1];
const headerBytes = 12;
/** Seconds that an answer may be kept: a Service that is made anew has another address. */
const timeToLive = 1;

/**
 * Answers `<service>.<namespace>.svc.cluster.local` with the address of that Service, over UDP at port 53 of an address,
 * until the signal. Any other name is told not to exist: a node of the tests calls nothing outside this machine by name.
 */
export async function serveNames(api: Api, address: string, signal: AbortSignal): Promise<void> {
  const addresses = new Map<string, string>();
  const nameOf = ({ metadata }: Service) => `${metadata.name}.${metadata.namespace}.svc.${clusterDomain}`;
  const follower = {
    changed: (service: Service) => {
      const { clusterIP } = service.spec;
      // A Service without an address of its own would be answered with those of its pods; none here asks for that.
      if (clusterIP !== undefined && clusterIP !== 'None') addresses.set(nameOf(service), clusterIP);
    },
    gone: (service: Service) => addresses.delete(nameOf(service)),
  };
  void follow<Service>(api, '/api/v1/services', follower, signal);

  const socket = createSocket({ type: 'udp4', signal });
  // A message that is none, or an asker that is gone, is no reason to end.
  socket.on('error', () => undefined);
  socket.on('message', (query, { address: asker, port }) => {
    const answer = answerTo(query, addresses);
    if (answer !== undefined) socket.send(answer, port, asker);
  });
  socket.bind(53, address);
  await once(socket, 'listening');
}

/** The answer to one query; nothing when it is not one. */
export function answerTo(query: Buffer, addresses: ReadonlyMap<string, string>): Buffer | undefined {
  const question = readQuestion(query);
  if (question === undefined) return undefined;
  const address = addresses.get(question.name);
  const isAsked = question.type === addressV4 && question.class === internet;
  const answers = address !== undefined && isAsked ? [addressRecord(address)] : [];
  const header = Buffer.alloc(headerBytes);
  header.writeUInt16BE(query.readUInt16BE(0), 0);
  const asked = query.readUInt16BE(2) & recursionDesired;
  header.writeUInt16BE(response | asked | (address === undefined ? noSuchName : 0), 2);
  header.writeUInt16BE(1, 4);
  header.writeUInt16BE(answers.length, 6);
  return Buffer.concat([header, query.subarray(headerBytes, question.end), ...answers]);
}

/** The one question of a query, with where it ends. */
function readQuestion(query: Buffer) {
  if (query.length < headerBytes || query.readUInt16BE(4) !== 1) return undefined;
  const labels: string[] = [];
  let at = headerBytes;
  for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
    labels.push(query.toString('latin1', at + 1, at + 1 + length));
    at += 1 + length;
  }
  const end = at + 5;
  if (end > query.length) return undefined;
  return {
    name: labels.join('.').toLowerCase(),
    type: query.readUInt16BE(at + 1),
    class: query.readUInt16BE(at + 3),
    end,
  };
}

function addressRecord(address: string): Buffer {
  const record = Buffer.alloc(16);
  // The name is the one at the beginning of the question.
  record.writeUInt16BE(0xc000 | headerBytes, 0);
  record.writeUInt16BE(addressV4, 2);
  record.writeUInt16BE(internet, 4);
  record.writeUInt32BE(timeToLive, 6);
  record.writeUInt16BE(4, 10);
  record.set(address.split('.').map(Number), 12);
  return record;
}

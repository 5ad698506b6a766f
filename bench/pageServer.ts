/** Serves the same pages of JSON after a delay, as a process of its own: `pageServer.ts <pages> <megabytes> <delay ms>`. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

const [pages = 0, megabytes = 0, delay = 0] = process.argv.slice(2).map(Number);
const size = 500;
// Text that compresses about as well as prose does.
const prose = (seed: number): string => {
  let state = seed + 1;
  const word = () => {
    state = (state * 1103515245 + 12345) % 2147483648;
    return (state % 60466176).toString(36);
  };
  return Array.from({ length: Math.round((megabytes * 1e6) / size / 6) }, word).join(' ');
};
const bodies = Array.from({ length: pages }, (_, page) =>
  JSON.stringify({
    total: pages * size,
    items: Array.from({ length: size }, (_, at) => ({ id: page * size + at, text: prose(at % 7) })),
  }),
);
const server = createServer(async (request, response) => {
  await sleep(delay);
  const page = Number(new URL(request.url ?? '/', 'http://localhost').searchParams.get('page') ?? 1);
  response.setHeader('content-type', 'application/json').end(bodies[page - 1] ?? '{"total":0,"items":[]}');
});
server.listen(0, '127.0.0.1', () => console.log((server.address() as AddressInfo).port));
process.stdin.once('end', () => process.exit(0)).resume();

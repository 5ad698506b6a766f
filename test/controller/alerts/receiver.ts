import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { onTestFinished } from 'vitest';
import type { AlertMessage } from '../../../src/controller/alerts/message.ts';

/** A receiver of alerts on a port of its own. It keeps what it takes, and answers what it is told to. */
export async function startReceiver() {
  const taken: AlertMessage[] = [];
  const answer: { status: number; location?: string; asked: number } = { status: 200, asked: 0 };
  const server = createServer(async (request, response) => {
    const message = (await json(request)) as AlertMessage;
    answer.asked += 1;
    if (answer.status === 0) return; // never answers
    if (answer.status < 300) taken.push(message);
    response.writeHead(answer.status, answer.location === undefined ? {} : { location: answer.location }).end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(async () => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook/s3cr3t`, taken, answer };
}

import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** A source with some postings for every hour, which tells who asked for what. */
export interface HourlySource {
  readonly url: string;
  /** How often each hour was asked for, by `/<pipeline>?hour=…`. */
  readonly asked: ReadonlyMap<string, number>;
  /** Answers to those that follow are held back, until they are let go. */
  hold(which: (path: string) => boolean): void;
  letGo(): void;
  close(): Promise<void>;
}

const postingsPerHour = 20;

export async function startHourlySource(host: string, delayMs: number): Promise<HourlySource> {
  const asked = new Map<string, number>();
  let isHeld: (path: string) => boolean = () => false;
  let gate = Promise.withResolvers<void>();
  const server = createServer(async (request, response) => {
    const path = request.url ?? '/';
    asked.set(path, (asked.get(path) ?? 0) + 1);
    await (isHeld(path) ? gate.promise : sleep(delayMs));
    const hour = Date.parse(new URL(path, 'http://localhost').searchParams.get('hour') ?? '') / 3_600_000;
    const postings = Array.from({ length: postingsPerHour }, (_, index) => ({
      ...{ id: hour * postingsPerHour + index, title: `Data engineer, shift ${index}` },
    }));
    response.setHeader('content-type', 'application/json').end(JSON.stringify({ postings }));
  });
  server.listen(0, host);
  await once(server, 'listening');
  return {
    url: `http://${host}:${(server.address() as AddressInfo).port}`,
    asked,
    hold(which) {
      gate = Promise.withResolvers<void>();
      isHeld = which;
    },
    letGo() {
      isHeld = () => false;
      gate.resolve();
    },
    async close() {
      gate.resolve();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

const tenMinutes = 600_000;
const hour = 3_600_000;

/** A source that can be asked about a period, as it was at some moment. */
export interface PeriodsDouble {
  readonly url: string;
  close(): Promise<void>;
}

/** What the source counts, told at `/ledger`. */
export interface PeriodsLedger {
  readonly requests: number;
}

/**
 * Asked with `since`, `until` and `asOf`, it answers with an event every ten minutes; with a word about a clock, whose
 * record is another in every hour; and with late events, which it knows only an hour after they happened. What it says
 * about an event changes in the first hour. All is a function of the request.
 */
export async function startPeriods(): Promise<PeriodsDouble> {
  let requests = 0;
  const server = createServer((request, response) => {
    response.setHeader('content-type', 'application/json');
    const { pathname, searchParams: query } = new URL(request.url ?? '', 'http://source');
    if (pathname === '/ledger') return response.end(JSON.stringify({ requests } satisfies PeriodsLedger));
    requests += 1;
    const [since = 0, until = 0, asOf = 0] = ['since', 'until', 'asOf'].map((name) =>
      Date.parse(query.get(name) ?? ''),
    );
    return response.end(JSON.stringify(eventsOf(since, until, asOf)));
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

function eventsOf(since: number, until: number, asOf: number) {
  const first = Math.ceil(since / tenMinutes) * tenMinutes;
  const times = Array.from(
    { length: Math.max(0, Math.ceil((until - first) / tenMinutes)) },
    (_, n) => first + n * tenMinutes,
  );
  return times.flatMap((at) => {
    const settled = asOf >= at + hour;
    const told = {
      at: new Date(at).toISOString(),
      state: settled ? 'settled' : 'early',
      revision: at / 1000 + Number(settled),
    };
    const ids = [
      `e${at}`,
      ...(at % hour === 0 ? ['clock'] : []),
      ...(settled && at % (3 * tenMinutes) === 0 ? [`late${at}`] : []),
    ];
    return ids.map((id) => ({ id, ...told }));
  });
}

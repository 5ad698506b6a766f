import type { ServerResponse } from 'node:http';
import { z } from 'zod';
import type { CoresignalDouble } from './double.ts';

type Command = (double: CoresignalDouble, body: unknown) => unknown;

/** A command that takes a JSON body. */
const command =
  <Schema extends z.ZodType>(
    body: Schema,
    run: (double: CoresignalDouble, body: z.output<Schema>) => unknown,
  ): Command =>
  (double, input) =>
    run(double, body.parse(input));

const count = z.number().int().min(1).max(100_000);
const ids = z.array(z.number().int()).max(100_000);
const time = z.iso.datetime();

/** `<method> /_control/<name>`: the methods of the double, for tests and demos in another process. */
const commands: Readonly<Record<string, Command>> = {
  'GET ledger': (double) => double.ledger(),
  'GET credits': (double) => double.ledger().credits,
  /** Ids that a search finds; without filters the usual one. */
  'POST found': command(z.strictObject({ filters: z.record(z.string(), z.unknown()).optional() }), (double, body) => ({
    ids: double.found(body.filters),
  })),
  'POST add': command(z.strictObject({ count, at: time.optional() }), (double, body) => ({
    ids: double.add(body.count, body.at),
  })),
  'POST update': command(z.strictObject({ ids, at: time }), (double, body) => double.update(body.ids, body.at)),
  'POST lose': command(z.strictObject({ ids }), (double, body) => double.lose(body.ids)),
  'POST credits': command(z.strictObject({ remaining: z.number().int().min(0) }), (double, body) =>
    double.setCredits(body.remaining),
  ),
  'POST fail': command(
    z.strictObject({
      requests: count,
      status: z.number().int().min(400).max(599),
      endpoint: z.enum(['Search', 'Collect']).optional(),
    }),
    (double, { requests, status, endpoint }) => double.fail(requests, status, endpoint),
  ),
  'POST behave': command(
    z.strictObject({
      latencyMs: z.number().min(0).max(600_000).exactOptional(),
      perSecond: z.number().int().min(1).exactOptional(),
    }),
    (double, change) => double.behave(change),
  ),
  'POST reset': (double) => double.reset(),
};

/** Serves the control commands; what is wrong with a request is said in its answer. */
export function control(double: CoresignalDouble, name: string, body: string, response: ServerResponse): void {
  const run = commands[name];
  try {
    if (run) answer(response, 200, run(double, JSON.parse(body || '{}')) ?? {});
    else answer(response, 404, { error: `no command ${name}; there are: ${Object.keys(commands).join(', ')}` });
  } catch (error) {
    answer(response, 400, { error: error instanceof Error ? error.message : String(error) });
  }
}

function answer(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

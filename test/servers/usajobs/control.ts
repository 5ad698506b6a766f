import type { IncomingMessage, ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { z } from 'zod';
import type { UsajobsDouble } from './double.ts';
import { faultSchema } from './faults.ts';

interface Input {
  readonly params: URLSearchParams;
  readonly body: unknown;
}
type Endpoint = (double: UsajobsDouble, input: Input) => unknown;

/** An endpoint that takes a JSON body. */
const command =
  <Schema extends z.ZodType>(body: Schema, run: (double: UsajobsDouble, body: z.output<Schema>) => unknown): Endpoint =>
  (double, input) =>
    run(double, body.parse(input.body));

const count = z.number().int().min(1).max(100_000);
const behaviour = z.strictObject({
  latencyMs: z.number().min(0).max(600_000).exactOptional(),
  drift: z.number().int().min(0).exactOptional(),
  repeat: z.enum(['Off', 'Honest', 'Endless']).exactOptional(),
  half: z.enum(['Off', 'Honest', 'Shrunken']).exactOptional(),
});

/** `<method> /_control/<name>`: the methods of the double, for tests and demos in another process. */
const endpoints: Readonly<Record<string, Endpoint>> = {
  'GET ledger': (double) => ({ ...double.ledger(), distinctIds: double.distinctIds() }),
  /** The postings that a search finds; without parameters the usual one. */
  'GET found': (double, { params }) => {
    const found = double.found(params.size === 0 ? undefined : Object.fromEntries(params));
    return found.map(({ id, dirt }) => ({ id, dirt }));
  },
  'POST change-pay': command(
    z.strictObject({ id: z.string(), minimum: z.number(), maximum: z.number() }),
    (double, { id, minimum, maximum }) => double.changePay(id, minimum, maximum),
  ),
  'POST remove': command(z.strictObject({ id: z.string() }), (double, { id }) => double.remove(id)),
  'POST add': command(z.strictObject({ count }), (double, body) => ({ ids: double.add(body.count) })),
  'POST new-day': (double) => double.newDay(),
  'POST fail': command(
    z.strictObject({ requests: count, fault: faultSchema, page: count.optional() }),
    (double, { requests, fault, page }) => double.fail(requests, fault, page),
  ),
  'POST behave': command(behaviour, (double, change) => double.behave(change)),
  'POST reset': (double) => double.reset(),
};

/** Serves the control endpoints; what is wrong with a request is said in its answer. */
export async function control(double: UsajobsDouble, url: URL, request: IncomingMessage, response: ServerResponse) {
  const name = `${request.method} ${url.pathname.slice('/_control/'.length)}`;
  const endpoint = endpoints[name];
  if (!endpoint) {
    return answer(response, 404, { error: `no endpoint ${name}; there are: ${Object.keys(endpoints).join(', ')}` });
  }
  try {
    const body: unknown = JSON.parse((await text(request)) || '{}');
    answer(response, 200, endpoint(double, { params: url.searchParams, body }) ?? {});
  } catch (error) {
    answer(response, 400, { error: error instanceof Error ? error.message : String(error) });
  }
}

function answer(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

import type { Format } from '../../api/index.ts';
import type { HttpAnswer, HttpClient, HttpRequest } from '../http/client.ts';
import { pause } from '../http/pause.ts';
import { looksCutShort } from './content.ts';

/** A request as it was answered. */
export interface Answered {
  readonly request: HttpRequest;
  readonly answer: HttpAnswer;
  readonly fetchedAt: string;
}

/** A status that the manifest skips, or that says there is nothing. */
export const isEmpty = ({ answer }: Answered): boolean => answer.skipped || answer.status === 204;

const cutShortTries = 3;
const cutShortDelayMs = 500;

/** Asks again for JSON that ends in the middle: a proxy may have given up. */
export async function askWhole(
  client: HttpClient,
  request: HttpRequest,
  format: Format,
  signal: AbortSignal,
): Promise<Answered> {
  for (let tried = 1; ; tried += 1) {
    const answer = await client.send(request, signal);
    const answered = { request, answer, fetchedAt: new Date().toISOString() };
    if (isEmpty(answered) || !format.json || !looksCutShort(answer) || tried >= cutShortTries) return answered;
    await pause(tried * cutShortDelayMs, signal);
  }
}

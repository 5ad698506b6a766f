import { openExchange } from '../../connectors/http/exchange.ts';
import { TerminalError } from '../../run/errors.ts';
import type { AlertMessage } from './message.ts';

/** Tells a receiver. Returns what went wrong, in words that hold nothing of the address: it is a secret. */
export type SendAlert = (url: string, message: AlertMessage, signal: AbortSignal) => Promise<string | undefined>;

/** A receiver that takes longer is tried again later. */
const timeoutMs = 10_000;
/** Its answer is not read by anybody. */
const maxBodyBytes = 64 * 1024;

/** Posts messages; a private address is refused unless those are allowed, and no redirect is followed. */
export function alertSender(allowPrivateNetworks: boolean): SendAlert {
  return async (address, message, signal) => {
    const url = URL.parse(address);
    if (!url || !['http:', 'https:'].includes(url.protocol)) return 'the address is no http or https URL';
    const exchange = openExchange(allowPrivateNetworks, {
      ...{ maxBodyBytes, maxRedirects: 0 },
      ...{ connectTimeoutMs: timeoutMs, headersTimeoutMs: timeoutMs, bodyTimeoutMs: timeoutMs },
    });
    try {
      const headers = [{ name: 'content-type', value: 'application/json' }];
      const request = { method: 'POST', url, headers, body: JSON.stringify(message) } as const;
      const { status } = await exchange.send(request, AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]));
      return status >= 200 && status < 300 ? undefined : `the receiver answered ${status}`;
    } catch (error) {
      return problemOf(error);
    } finally {
      await exchange.close();
    }
  };
}

/** Messages of errors name hosts and addresses; their codes do not. */
function problemOf(error: unknown): string {
  if (error instanceof TerminalError) return refusals[error.reason] ?? `the receiver gave no answer (${error.reason})`;
  if (error instanceof Error && error.name === 'TimeoutError') return `the receiver gave no answer in ${timeoutMs} ms`;
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'no answer';
  return `the receiver cannot be reached (${code})`;
}

const refusals: Readonly<Record<string, string>> = {
  AddressRefused: 'the address is private, local or that of cloud metadata, and the process may not use it',
  TooManyRedirects: 'the receiver redirects; write the address where it leads into the secret',
  RedirectInvalid: 'the receiver redirects to what is no http or https address',
};

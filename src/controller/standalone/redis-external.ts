import type { Logger } from 'pino';
import { TerminalError } from '../../run/errors.ts';
import { probeRedis } from './redis-probe.ts';

const timeoutMs = 3_000;

/** Checks that the Redis at a URL answers, lets us in and does not throw work away. Messages never hold its password. */
export async function checkExternalRedis(url: string, log: Logger): Promise<void> {
  const place = hostAndPort(url);
  const facts = await probeRedis({ url }, timeoutMs).catch((error: unknown) => {
    throw new TerminalError('RedisUnreachable', unreachable(place, error));
  });
  const policy = facts.maxmemoryPolicy;
  if (policy !== undefined && policy !== 'noeviction') {
    log.warn(
      { redis: place, maxmemoryPolicy: policy },
      `Redis at ${place} has maxmemory-policy ${policy}: when its memory is full it silently drops queued work. ` +
        'Set maxmemory-policy to noeviction.',
    );
  }
}

function hostAndPort(url: string): string {
  const parsed = URL.parse(url);
  if (!parsed || !['redis:', 'rediss:'].includes(parsed.protocol) || parsed.hostname === '') {
    throw new TerminalError(
      'RedisUrlInvalid',
      'REDIS_URL must look like redis://[user:password@]host[:port][/database], or rediss://… for TLS; ' +
        'correct it, or unset it to use a private Redis',
    );
  }
  return `${parsed.hostname}:${parsed.port === '' ? '6379' : parsed.port}`;
}

function unreachable(place: string, error: unknown): string {
  const cause = error instanceof Error ? error.message : String(error);
  if (/^(NOAUTH|WRONGPASS|NOPERM)/.test(cause)) {
    return `Redis at ${place} refuses the login (${cause.split(' ')[0]}); put a valid user and password into REDIS_URL, or unset it to use a private Redis`;
  }
  return `Redis at ${place} cannot be reached (${cause}); start it or correct REDIS_URL, or unset REDIS_URL to use a private Redis`;
}

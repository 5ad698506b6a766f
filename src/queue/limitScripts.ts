/**
 * Lua that decides about turns at a source. All times are those of Redis, in milliseconds, so that the clocks of
 * workers do not matter.
 */

/** A request that was sent has reached its source within this time, or the answer to it has come. */
const arrivalMs = 1000;

/** What a limit is declared to be counts this long after a request was last made under it. */
const declaredMs = 600_000;

const clock = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)`;

/**
 * Takes a turn, or tells how long to wait.
 *
 * KEYS: turns, places, declared, since. ARGV: the turn's name, `requests perMs concurrency` (0 = no such limit), how long a
 * place is kept without renewal. Returns the milliseconds to wait, 0 = granted, -1 = all places are taken.
 *
 * A turn counts from when its request was answered, and until then from the latest moment at which it can have arrived.
 * So between the arrivals of a request and of the one that takes over its turn lies at least the period of the limit.
 * Every declaration in use must hold, so the strictest wins. After a wipe nobody knows which turns were taken just before,
 * so a whole period passes first.
 */
export const takeScript = `${clock}
local since = tonumber(redis.call('GET', KEYS[4]))
if not since then since = now; redis.call('SET', KEYS[4], now) end
redis.call('ZADD', KEYS[3], now, ARGV[2])
redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', now - ${declaredMs})
redis.call('PEXPIRE', KEYS[3], ${declaredMs})
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now)
local places = redis.call('ZCARD', KEYS[2])
local wait, longest, full = 0, 0, false
for _, declared in ipairs(redis.call('ZRANGE', KEYS[3], 0, -1)) do
  local requests, per, concurrency = declared:match('(%d+) (%d+) (%d+)')
  requests, per, concurrency = tonumber(requests), tonumber(per), tonumber(concurrency)
  if concurrency > 0 and places >= concurrency then full = true end
  if requests > 0 then
    longest = math.max(longest, per)
    wait = math.max(wait, since + per + ${arrivalMs} - now)
    local before = redis.call('ZRANGE', KEYS[1], -requests, -requests, 'WITHSCORES')
    if before[2] then wait = math.max(wait, tonumber(before[2]) + per + 1 - now) end
  end
end
if wait > 0 then return wait end
if full then return -1 end
redis.call('ZADD', KEYS[2], now + ARGV[3], ARGV[1])
redis.call('PEXPIRE', KEYS[2], ARGV[3])
if longest > 0 then
  redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - longest - 1)
  redis.call('ZADD', KEYS[1], now + ${arrivalMs}, ARGV[1])
  redis.call('PEXPIRE', KEYS[1], longest + ${2 * arrivalMs})
end
return 0`;

/** The request was answered. KEYS: turns. ARGV: the turn's name. */
export const answeredScript = `${clock}
return redis.call('ZADD', KEYS[1], 'XX', 'LT', now, ARGV[1])`;

/** Keeps places, or takes them again after a wipe. KEYS: places. ARGV: how long, names of turns. */
export const keepScript = `${clock}
for at = 2, #ARGV do redis.call('ZADD', KEYS[1], now + ARGV[1], ARGV[at]) end
return redis.call('PEXPIRE', KEYS[1], ARGV[1])`;

/** Notes since when turns are remembered, so that the first need not wait when it comes later. KEYS: since. */
export const rememberScript = `${clock}
return redis.call('SET', KEYS[1], now, 'NX')`;

--- read-counts: what one bucket counts, all of one moment.
-- @read
-- @key   live    zset  {app:b}:live
-- @key   counts  hash  {app:b}:counts
-- @arg   activeMs  ms  a session whose deadline is later than this from now counts as active
-- @reply [1, now, live:count, expired:count, owned:count, active:count, counts…:text]  expired: in the index still; owned: of these
--        with a user; counts: name, count, name, count …
--- @include clock
--- @include counts
local now = now_ms()
local first = string.format('(%.0f', now)
local live = redis.call('ZCOUNT', KEYS[1], first, '+inf')
local active = redis.call('ZCOUNT', KEYS[1], string.format('(%.0f', now + tonumber(ARGV[1])), '+inf')
local reply = { 1, now, live, redis.call('ZCARD', KEYS[1]) - live, count_expired_authenticated(KEYS[1], now), active }
for _, text in ipairs(redis.call('HGETALL', KEYS[2])) do
  reply[#reply + 1] = text
end
return reply

--- admit-session: reserves a place among a user's sessions before the session gets its user.
-- @write
-- @key   user   zset  {app:b}:u:<user>
-- @key   ended  zset  {app:b}:ended
-- @arg   notAfterMs     ms     Redis's clock; later than that the script refuses
-- @arg   id             text   member of the index
-- @arg   reservationMs  ms     how long the place is kept for a session that never comes
-- @arg   max            count  how many sessions the user may have, 1 …
-- @arg   evict          flag   1: the one used least recently goes, 0: the new one is refused
-- @arg   page           count  how many may have to end at a time
-- @reply [1, now, authenticated:ms, evicted…:text]  admitted; these have to be ended first: id, score, id, score …; a page: ask again
-- @reply [0, now, full]                             refused
--- @include clock
--- @include counts
--- @include index
--- @include fields
--- @include meta
--- @include lineage
local now = now_ms()
local late = refuse_if_late(now, ARGV[1])
if late then
  return late
end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', now))
local max, page = tonumber(ARGV[4]), tonumber(ARGV[6])
if ARGV[5] == '0' and not redis.call('ZSCORE', KEYS[1], ARGV[2]) and redis.call('ZCARD', KEYS[1]) >= max then
  return { 0, now, 'full' }
end
index_user(KEYS[1], ARGV[2], now + tonumber(ARGV[3]) + RESERVED, now)
local authenticated = authenticate(KEYS[2], KEYS[1], now)
local surplus = math.min(page, redis.call('ZCARD', KEYS[1]) - max)
if surplus <= 0 then
  return { 1, now, authenticated }
end
local entries = redis.call('ZRANGE', KEYS[1], 0, 2 * page, 'WITHSCORES')
local evicted = {}
-- Sessions first, then places that other logins have reserved a moment ago.
for _, fraction in ipairs({ 0, RESERVED }) do
  for i = 1, #entries, 2 do
    if #evicted < 2 * surplus and entries[i] ~= ARGV[2] and tonumber(entries[i + 1]) % 1 == fraction then
      evicted[#evicted + 1] = entries[i]
      evicted[#evicted + 1] = entries[i + 1]
    end
  end
end
return { 1, now, authenticated, unpack(evicted) }

--- index-user: enters a session into its user's index, where that lives in another slot (Cluster).
-- @write
-- @key   user   zset  {app:b}:u:<user>
-- @key   ended  zset  {app:b}:ended
-- @arg   notAfterMs       ms    Redis's clock; later than that the script refuses
-- @arg   id               text  member of the index
-- @arg   lifeMs           ms    how long the session may live from now
-- @arg   reserved         flag  1: the session is not there yet, 0: it is
-- @arg   authenticatedMs  ms    when the user authenticated whose session is to have a successor, 0: it is to have none
-- @reply [1, now, authenticated:ms]  entered; the moment that counts for a user who signs in by this
-- @reply [0, now, signedOut]         the user was signed out everywhere since
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
local since = tonumber(ARGV[5])
if since > 0 and tonumber(redis.call('ZSCORE', KEYS[2], mark_of(KEYS[1])) or -1) >= since then
  return { 0, now, 'signedOut' }
end
index_user(KEYS[1], ARGV[2], now + tonumber(ARGV[3]) + (ARGV[4] == '1' and RESERVED or 0), now)
return { 1, now, authenticate(KEYS[2], KEYS[1], now) }

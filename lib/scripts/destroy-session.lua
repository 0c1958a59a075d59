--- destroy-session: ends a session; its id can not be committed to or created again while the tombstone stands.
-- @write
-- @key   session    hash    {app:b}:s:<id>
-- @key   live       zset    {app:b}:live
-- @key   tombstone  string  {app:b}:t:<id>
-- @arg   notAfterMs   ms    Redis's clock; later than that the script refuses
-- @arg   id           text  member of the indexes
-- @arg   tombstoneMs  ms    how long the id stays unusable
-- @arg   reason       text  as which end it counts: `logout`, `revoked` or `limit`
-- @reply [1, now, user:text]  destroyed, now or by the same command before; user is empty when it was nobody's
-- @reply [0, now, gone]       there was none
--- @include clock
--- @include fields
--- @include meta
--- @include counts
--- @include index
local now = now_ms()
local late = refuse_if_late(now, ARGV[1])
if late then
  return late
end
if redis.call('EXISTS', KEYS[1]) == 1 then
  local meta, user = read_meta(KEYS[1])
  end_session(KEYS[1], KEYS[2], KEYS[3], ARGV[2], meta and meta.tokens or '', user, ARGV[3], ARGV[4])
  return { 1, now, user }
end
leave_live(KEYS[2], ARGV[2], 'expired', '')
local tombstone = redis.call('GET', KEYS[3])
if tombstone then
  return { 1, now, string.match(tombstone, '^([^\n]*)\n') or '' }
end
redis.call('SET', KEYS[3], '\n', 'PX', ARGV[3])
return { 0, now, 'gone' }

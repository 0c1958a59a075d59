--- rotate-session: gives up an id for another one. For the grace requests under way with the old id still find the session as it
--- was; nothing they change is stored, and it counts no more.
-- @write
-- @key   session    hash    {app:b}:s:<id>
-- @key   live       zset    {app:b}:live
-- @key   tombstone  string  {app:b}:t:<id>
-- @arg   notAfterMs   ms    Redis's clock; later than that the script refuses
-- @arg   id           text  member of the indexes
-- @arg   graceMs      ms    1 …
-- @arg   tombstoneMs  ms    how long the id stays unusable
-- @reply [1, now, user:text]  rotated, now or by the same command before; user is empty when it was nobody's
-- @reply [0, now, gone]       there was none
--- @include clock
--- @include counts
--- @include index
local now = now_ms()
local late = refuse_if_late(now, ARGV[1])
if late then
  return late
end
local stored = redis.pcall('HMGET', KEYS[1], 'meta', 'user')
if stored.err or not stored[1] then
  return { 0, now, 'gone' }
end
local user = stored[2] or ''
if string.sub(stored[1], 1, 8) ~= 'rotated ' then
  redis.call('HSET', KEYS[1], 'meta', 'rotated ' .. stored[1])
  leave_live(KEYS[2], ARGV[2], 'rotated', user)
  close_origin(KEYS[3], ARGV[2])
  redis.call('SET', KEYS[3], user .. '\n', 'PX', ARGV[4])
  local left = redis.call('PTTL', KEYS[1])
  if left > tonumber(ARGV[3]) then
    redis.call('PEXPIRE', KEYS[1], ARGV[3])
  end
end
return { 1, now, user }

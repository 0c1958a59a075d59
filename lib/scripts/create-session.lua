--- create-session: stores a new session, unless its id is taken or was in use a moment ago.
-- @write
-- @key   session    hash    {app:b}:s:<id>
-- @key   live       zset    {app:b}:live
-- @key   tombstone  string  {app:b}:t:<id>
-- @key   user?      zset    {app:b}:u:<user>, only when it lives in this slot and the session has a user
-- @arg   notAfterMs   ms    Redis's clock; later than that the script refuses
-- @arg   token        text  names this change: a replay of it changes nothing
-- @arg   id           text  member of the indexes
-- @arg   idleMs       ms    1 …
-- @arg   absoluteMs   ms    longest life, 0: no limit
-- @arg   cookie       json  the cookie's attributes, empty: none
-- @arg   user         text  whose session it is, empty: nobody's
-- @arg   about        json  where the user came from, empty: not told
-- @arg   field…       text  name, JSON, name, JSON …
-- @reply [1, now, version, deadline, expired…]  created, or created before by the same token
-- @reply [0, now, taken]                        the id is in use
-- @reply [0, now, ended]                        the id was in use a moment ago
--- @include clock
--- @include meta
--- @include index
local now = now_ms()
local late = refuse_if_late(now, ARGV[1])
if late then
  return late
end
local token, id = ARGV[2], ARGV[3]
local existing = redis.call('HGET', KEYS[1], 'meta')
if existing then
  local meta = parse_meta(existing)
  if meta and has_token(meta.tokens, token) then
    return { 1, now, meta.version, meta.deadline }
  end
  return { 0, now, 'taken' }
end
if redis.call('EXISTS', KEYS[3]) == 1 then
  return { 0, now, 'ended' }
end
local absolute = tonumber(ARGV[5])
if absolute > 0 then
  absolute = now + absolute
end
local meta = { created = now, version = 1, absolute = absolute, seen = now, tokens = ' ' .. token }
meta.deadline = deadline_after(now, tonumber(ARGV[4]), absolute)
redis.call('HSET', KEYS[1], 'meta', format_meta(meta))
call_in_chunks('HSET', KEYS[1], ARGV, 9, #ARGV)
if ARGV[6] ~= '' then
  redis.call('HSET', KEYS[1], 'cookie', ARGV[6])
end
if ARGV[7] ~= '' then
  redis.call('HSET', KEYS[1], 'user', ARGV[7])
end
if ARGV[8] ~= '' then
  redis.call('HSET', KEYS[1], 'about', ARGV[8])
end
set_deadline(KEYS[1], KEYS[2], id, meta.deadline)
if KEYS[4] then
  index_user(KEYS[4], id, meta.deadline, now)
end
return { 1, now, 1, meta.deadline, unpack(trim_live(KEYS[2], now, TRIM_COUNT)) }

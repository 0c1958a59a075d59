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
-- @arg   cookie       text  the cookie's attributes, empty: none
-- @arg   user         text  whose session it is, empty: nobody's
-- @arg   about        json  where the user came from, empty: not told
-- @arg   small        flag  1: longer texts in pieces, 0: each as a whole
-- @arg   set…         fields  name, JSON, name, JSON …
-- @reply [1, now, version:count, deadline:ms, expired…:text]  created, or created before by the same token
-- @reply [0, now, taken]  the id is in use
-- @reply [0, now, ended]  the id was in use a moment ago
--- @include clock
--- @include fields
--- @include meta
--- @include counts
--- @include index
--- @include whole
local now = now_ms()
local late = refuse_if_late(now, ARGV[1])
if late then
  return late
end
local token, id, is_small = ARGV[2], ARGV[3], ARGV[9] == '1'
if redis.call('EXISTS', KEYS[1]) == 1 then
  local meta = read_meta(KEYS[1])
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
local keys = { session = KEYS[1], live = KEYS[2], user = KEYS[4] }
store_whole(keys, id, meta, { cookie = ARGV[6], user = ARGV[7], about = ARGV[8] }, ARGV, 10, is_small, now)
return { 1, now, 1, meta.deadline, unpack(trim_live(KEYS[2], now, TRIM_COUNT)) }

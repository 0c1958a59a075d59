--- commit-session: writes the changed fields of a live session and moves its deadline; a session that is gone stays gone.
-- @write
-- @key   session    hash    {app:b}:s:<id>
-- @key   live       zset    {app:b}:live
-- @key   tombstone  string  {app:b}:t:<id>
-- @key   user?      zset    {app:b}:u:<user>, only when it lives in this slot and the session has a user
-- @arg   notAfterMs   ms    Redis's clock; later than that the script refuses
-- @arg   token        text  names this change: a replay of it changes nothing
-- @arg   id           text  member of the indexes
-- @arg   idleMs       ms    0 or less: the session ends
-- @arg   tombstoneMs  ms    how long an ended session's id stays unusable
-- @arg   cookie       json  the cookie's attributes, empty: unchanged, `-`: none any more
-- @arg   user         text  whose session it is, empty: nobody's
-- @arg   setCount     count number of fields to write
-- @arg   field…       text  name, JSON (setCount times), then names to delete
-- @reply [1, now, version, deadline, formerUser]  committed, or committed before by the same token
-- @reply [0, now]                                 gone
--- @include clock
--- @include meta
--- @include index
local now = now_ms()
local late = refuse_if_late(now, ARGV[1])
if late then
  return late
end
local token, id, idle = ARGV[2], ARGV[3], tonumber(ARGV[4])
local stored = redis.call('HMGET', KEYS[1], 'meta', 'user')
local meta = stored[1] and parse_meta(stored[1])
if not meta then
  return { 0, now }
end
local former = stored[2] or ''
if has_token(meta.tokens, token) then
  return { 1, now, meta.version, meta.deadline, former }
end
add_token(meta, token, now)
if idle <= 0 then
  end_session(KEYS[1], KEYS[2], KEYS[3], id, meta.tokens, former, ARGV[5])
  return { 1, now, meta.version + 1, now, former }
end
local first_removed = 9 + 2 * tonumber(ARGV[8])
call_in_chunks('HSET', KEYS[1], ARGV, 9, first_removed - 1)
call_in_chunks('HDEL', KEYS[1], ARGV, first_removed, #ARGV)
if ARGV[6] == '-' then
  redis.call('HDEL', KEYS[1], 'cookie')
elseif ARGV[6] ~= '' then
  redis.call('HSET', KEYS[1], 'cookie', ARGV[6])
end
if ARGV[7] ~= former then
  if ARGV[7] == '' then
    redis.call('HDEL', KEYS[1], 'user')
  else
    redis.call('HSET', KEYS[1], 'user', ARGV[7])
  end
end
meta.version = meta.version + 1
meta.deadline = deadline_after(now, idle, meta.absolute)
redis.call('HSET', KEYS[1], 'meta', format_meta(meta))
set_deadline(KEYS[1], KEYS[2], id, meta.deadline)
if KEYS[4] then
  index_user(KEYS[4], id, meta.deadline, now)
end
return { 1, now, meta.version, meta.deadline, former }

--- replace-session: stores a whole session whatever was there before: express-session's `set` of a plain object.
-- @write
-- @key   session    hash    {app:b}:s:<id>
-- @key   live       zset    {app:b}:live
-- @key   tombstone  string  {app:b}:t:<id>
-- @key   ended      zset    {app:b}:ended
-- @key   user?      zset    {app:b}:u:<user>, only when it lives in this slot and the session has a user
-- @arg   notAfterMs   ms    Redis's clock; later than that the script refuses
-- @arg   token        text  names this change: a replay of it changes nothing
-- @arg   id           text  member of the indexes
-- @arg   idleMs       ms    0 or less: the session ends
-- @arg   tombstoneMs  ms    how long an ended session's id stays unusable
-- @arg   absoluteMs   ms    longest life of a session that is new here, 0: no limit
-- @arg   cookie       text  the cookie's attributes, empty: none
-- @arg   user         text  whose session it is, empty: nobody's
-- @arg   auth         text  how a user who signs in authenticated, as `lineage` reads it; only with a user
-- @arg   small        flag  1: longer texts in pieces, 0: each as a whole
-- @arg   set…         fields  name, JSON, name, JSON …
-- @reply [1, now, version:count, deadline:ms, former?:text]  stored; former is missing when the same token did it before
--- @include clock
--- @include fields
--- @include meta
--- @include counts
--- @include index
--- @include lineage
--- @include whole
local now = now_ms()
local late = refuse_if_late(now, ARGV[1])
if late then
  return late
end
local token, id, idle, absolute, user = ARGV[2], ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[6]), ARGV[8]
local damage = refuse_wrong_type(KEYS[2], 'zset') or KEYS[5] and refuse_wrong_type(KEYS[5], 'zset')
if damage then
  return damage
end
local meta, former = read_meta(KEYS[1])
local auth = meta and redis.call('HGET', KEYS[1], 'auth') or ''
if meta and has_token(meta.tokens, token) then
  return { 1, now, meta.version, meta.deadline }
end
local tombstone = redis.pcall('GET', KEYS[3])
if not meta and type(tombstone) == 'string' and has_token(tombstone, token) then
  return { 1, now, 0, now }
end
if not meta then
  meta = { created = now, version = 0, absolute = absolute > 0 and now + absolute or 0, seen = now, tokens = '' }
end
add_token(meta, token, now)
if idle <= 0 then
  end_session(KEYS[1], KEYS[2], KEYS[3], id, meta.tokens, former, ARGV[5], 'logout')
  return { 1, now, meta.version + 1, now, former }
end
if user == '' then
  auth = ''
elseif user ~= former then
  auth = read_authentication(ARGV[9], meta, authenticate(KEYS[4], KEYS[5], now))
end
meta.version = meta.version + 1
meta.deadline = deadline_after(now, idle, meta.absolute)
redis.call('DEL', KEYS[1], KEYS[3])
local own = { cookie = ARGV[7], user = user, auth = auth }
store_whole({ session = KEYS[1], live = KEYS[2], user = KEYS[5] }, id, meta, own, ARGV, 11, ARGV[10] == '1', now)
if meta.version > 1 and user ~= former then
  report_user(KEYS[2], id, user, former, meta.version)
end
return { 1, now, meta.version, meta.deadline, former }

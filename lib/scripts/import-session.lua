--- import-session: stores a session that another store has, once: an id that is known here, or was before, is left as it is.
-- @write
-- @key   session    hash    {app:b}:s:<id>
-- @key   live       zset    {app:b}:live
-- @key   tombstone  string  {app:b}:t:<id>
-- @key   ended      zset    {app:b}:ended
-- @key   origin     string  {app:b}:o:<id>
-- @key   user?      zset    {app:b}:u:<user>, only when it lives in this slot and the session has a user
-- @arg   notAfterMs   ms    Redis's clock; later than that the script refuses
-- @arg   token        text  names this change: a replay of it changes nothing
-- @arg   id           text  member of the indexes
-- @arg   lifeMs       ms    how long it lives from now, 1 …
-- @arg   absoluteMs   ms    longest life from now, 0: no limit
-- @arg   cookie       text  the cookie's attributes, empty: none
-- @arg   user         text  whose session it is, empty: nobody's
-- @arg   auth         text  how the user authenticated, as `lineage` reads it; only with a user
-- @arg   origin       text  what the origin's key is to hold
-- @arg   originMs     ms    how long
-- @arg   small        flag  1: longer texts in pieces, 0: each as a whole
-- @arg   set…         fields  name, JSON, name, JSON …
-- @reply [1, now, version:count, deadline:ms]  stored, or stored before by the same token
-- @reply [0, now, taken]      the id is in use
-- @reply [0, now, ended]      its session has ended here, or was moved
-- @reply [0, now, signedOut]  its user was signed out everywhere, or everybody was
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
local token, id, user = ARGV[2], ARGV[3], ARGV[7]
local damage = refuse_wrong_type(KEYS[2], 'zset') or KEYS[6] and refuse_wrong_type(KEYS[6], 'zset')
if damage then
  return damage
end
if redis.call('EXISTS', KEYS[1]) == 1 then
  local stored = read_meta(KEYS[1])
  if stored and has_token(stored.tokens, token) then
    return { 1, now, stored.version, stored.deadline }
  end
  return { 0, now, 'taken' }
end
if redis.call('EXISTS', KEYS[3]) == 1 or is_origin_closed(KEYS[5]) then
  return { 0, now, 'ended' }
end
-- Nobody knows since when it has been in the other store: any mark counts.
if is_marked(KEYS[4], KEYS[6] and mark_of(KEYS[6])) then
  return { 0, now, 'signedOut' }
end
local absolute = tonumber(ARGV[5])
local meta = { created = now, version = 1, absolute = absolute > 0 and now + absolute or 0, seen = now, tokens = ' ' .. token }
local auth = ''
if user ~= '' then
  auth = read_authentication(ARGV[8], meta, now)
end
meta.deadline = deadline_after(now, tonumber(ARGV[4]), meta.absolute)
local own = { cookie = ARGV[6], user = user, auth = auth }
store_whole({ session = KEYS[1], live = KEYS[2], user = KEYS[6] }, id, meta, own, ARGV, 12, ARGV[11] == '1', now)
redis.call('SET', KEYS[5], ARGV[9], 'PX', ARGV[10])
return { 1, now, 1, meta.deadline }

--- commit-session: writes the changed fields of a live session and moves its deadline; a session that is gone stays gone.
-- @write
-- @key   session    hash    {app:b}:s:<id>
-- @key   live       zset    {app:b}:live
-- @key   tombstone  string  {app:b}:t:<id>
-- @key   lock?      string  {app:b}:l:<id>, only when `owner` is given
-- @key   user?      zset    {app:b}:u:<user>, only when it lives in this slot and the session has a user; without `owner` the fourth
-- @key   ended?     zset    {app:b}:ended, only with `user` and `auth`; comes after `user`
-- @arg   notAfterMs   ms    Redis's clock; later than that the script refuses
-- @arg   token        text  names this change: a replay of it changes nothing
-- @arg   id           text  member of the indexes
-- @arg   idleMs       ms    0 or less: the session ends
-- @arg   tombstoneMs  ms    how long an ended session's id stays unusable
-- @arg   cookie       text  the cookie's attributes, empty: unchanged, `-`: none any more
-- @arg   user         text  whose session it is, empty: nobody's
-- @arg   owner        text  who must hold the lock, empty: nobody
-- @arg   about        json  where the user came from, empty: unchanged
-- @arg   auth         text  how the user has authenticated right now, as `lineage` reads it, empty: not
-- @arg   small        flag  1: longer texts in pieces, 0: each as a whole
-- @arg   keepsUser    flag  1: the user stays whoever it is by now, should that be another than `user`
-- @arg   maxFields    count as many fields the session may have after a change that adds some, 0: any number
-- @arg   atMost       text  a version: when the session has a newer one by now nothing is changed, empty: whatever it has
-- @arg   setCount     count number of fields to write
-- @arg   removeCount  count number of fields to delete
-- @arg   set…         fields  name, JSON, name, JSON …
-- @arg   remove…      names   names of fields to delete
-- @arg   expected…    texts   of each field in set and remove the SHA-1 it must have now (empty: it must not be there), or none at all
-- @reply [1, now, version:count, deadline:ms, user:text, former?:text]  committed; former is missing when the same token did it before
-- @reply [0, now, gone]                   there is no such session any more
-- @reply [0, now, lock]                   the lock is another's by now
-- @reply [0, now, fields, count:count]    it would have as many fields, more than it may
-- @reply [0, now, conflict, names…:text]  these fields were changed by somebody else; none: the session is newer than `atMost`
--- @include clock
--- @include fields
--- @include meta
--- @include counts
--- @include index
--- @include lineage
local now = now_ms()
local late = refuse_if_late(now, ARGV[1])
if late then
  return late
end
local token, id, idle = ARGV[2], ARGV[3], tonumber(ARGV[4])
local meta, former = read_meta(KEYS[1])
if not meta then
  return { 0, now, 'gone' }
end
if has_token(meta.tokens, token) then
  return { 1, now, meta.version, meta.deadline, former }
end
local user, user_key, ended_key, auth = ARGV[7], KEYS[4], KEYS[5], ARGV[10]
if ARGV[8] ~= '' then
  if redis.pcall('GET', KEYS[4]) ~= ARGV[8] then
    return { 0, now, 'lock' }
  end
  user_key, ended_key = KEYS[5], KEYS[6]
end
if ARGV[14] ~= '' and meta.version > tonumber(ARGV[14]) then
  return { 0, now, 'conflict' }
end
local damage = refuse_wrong_type(KEYS[2], 'zset') or user_key and refuse_wrong_type(user_key, 'zset')
if damage then
  return damage
end
local is_small, max_fields = ARGV[11] == '1', tonumber(ARGV[13])
local set_count, remove_count = tonumber(ARGV[15]), tonumber(ARGV[16])
local first_removed = 17 + 2 * set_count
local first_expected = first_removed + remove_count
if ARGV[first_expected] then
  local conflicts = {}
  for i = 1, set_count + remove_count do
    local name = i <= set_count and ARGV[15 + 2 * i] or ARGV[first_removed + i - set_count - 1]
    local value = read_text(KEYS[1], name)
    if (value and redis.sha1hex(value) or '') ~= ARGV[first_expected + i - 1] then
      conflicts[#conflicts + 1] = name
    end
  end
  if #conflicts > 0 then
    return { 0, now, 'conflict', unpack(conflicts) }
  end
end
-- Requests side by side may each add fewer than are allowed. The hash holds all that is to be counted and a little more.
if max_fields > 0 and set_count > 0 and redis.call('HLEN', KEYS[1]) + set_count > max_fields then
  local before, after = count_fields(KEYS[1], ARGV, 17, first_removed, first_expected)
  if after > max_fields and after > before then
    return { 0, now, 'fields', after }
  end
end
add_token(meta, token, now)
if idle <= 0 then
  end_session(KEYS[1], KEYS[2], KEYS[3], id, meta.tokens, former, ARGV[5], 'logout')
  return { 1, now, meta.version + 1, now, '', former }
end
-- Somebody else has signed a user in or out since the session was loaded.
if ARGV[12] == '1' and user ~= former then
  user, user_key, auth = former, nil, ''
end
local authentication
if auth ~= '' then
  authentication = read_authentication(auth, meta, ended_key and authenticate(ended_key, user_key, now) or now)
elseif user == '' and former ~= '' then
  authentication = ''
end
meta.version = meta.version + 1
meta.deadline = deadline_after(now, idle, meta.absolute)
local list, removed, counts = {}, {}, {}
local pieces = add_meta(list, meta)
if pieces < meta.pieces then
  counts.meta = pieces
end
for i = 17, first_removed - 1, 2 do
  counts[ARGV[i]] = add_text(list, ARGV[i], ARGV[i + 1], is_small)
end
for i = first_removed, first_expected - 1 do
  removed[#removed + 1] = ARGV[i]
  counts[ARGV[i]] = 1
end
if ARGV[6] == '-' then
  removed[#removed + 1] = 'cookie'
  counts.cookie = 1
elseif ARGV[6] ~= '' then
  counts.cookie = add_text(list, 'cookie', ARGV[6], is_small)
end
if user == '' and former ~= '' then
  removed[#removed + 1] = 'user'
elseif user ~= former then
  add_text(list, 'user', user, false)
end
if authentication == '' then
  removed[#removed + 1] = 'auth'
elseif authentication then
  add_text(list, 'auth', authentication, false)
end
if ARGV[9] ~= '' then
  counts.about = add_text(list, 'about', ARGV[9], is_small)
end
call_in_chunks('HSET', KEYS[1], list, 1, #list)
call_in_chunks('HDEL', KEYS[1], removed, 1, #removed)
remove_rests(KEYS[1], counts)
set_deadline(KEYS[1], KEYS[2], id, meta.deadline, user)
if user ~= former then
  report_user(KEYS[2], id, user, former, meta.version)
end
if user_key then
  index_user(user_key, id, meta.deadline, now)
end
return { 1, now, meta.version, meta.deadline, user, former }

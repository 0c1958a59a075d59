--- move-session: gives a live session a new id. Its successor has what is kept of it and inherits whose it is, how they
--- authenticated and when it must end. For the grace the old id still reads the session as it was; nothing it changes is stored.
-- @write
-- @key   session        hash    {app:b}:s:<id>
-- @key   live           zset    {app:b}:live
-- @key   tombstone      string  {app:b}:t:<id>
-- @key   next           hash    {app:b}:s:<id>, the successor's
-- @key   nextTombstone  string  {app:b}:t:<id>, the successor's
-- @key   ended          zset    {app:b}:ended
-- @key   lock?          string  {app:b}:l:<id>, only when `owner` is given
-- @key   user?          zset    {app:b}:u:<user>, only when it lives in this slot and the session has a user; without `owner` the seventh
-- @arg   notAfterMs   ms    Redis's clock; later than that the script refuses
-- @arg   token        text  names this change: a replay of it changes nothing
-- @arg   id           text  member of the indexes
-- @arg   nextId       text  the same of the successor
-- @arg   idleMs       ms    how long the successor lives from now, 1 …
-- @arg   graceMs      ms    how long the old id can be read, 0: not at all
-- @arg   tombstoneMs  ms    how long the old id stays unusable
-- @arg   user         text  whose session it must be, empty: nobody's
-- @arg   owner        text  who must hold the lock, empty: nobody
-- @arg   cookie       text  the cookie's attributes, empty: unchanged, `-`: none any more
-- @arg   about        text  where its user comes from, empty: unchanged
-- @arg   auth         text  how its user has authenticated right now, as `lineage` reads it, empty: not
-- @arg   version      count the version that it must have, 0: whichever
-- @arg   small        flag  1: longer texts in pieces, 0: each as a whole
-- @arg   keepsAll     flag  1: the successor keeps all fields, 0: those in `keep`
-- @arg   keepCount    count number of fields to keep
-- @arg   setCount     count number of fields to write
-- @arg   keep…        names   names of fields to keep
-- @arg   set…         fields  name, JSON, name, JSON …
-- @arg   remove…      names   names of fields not to keep
-- @reply [1, now, version:count, deadline:ms]  moved, or moved before by the same token
-- @reply [0, now, gone]       it has ended, was moved, or its user was signed out
-- @reply [0, now, lock]       the lock is another's by now
-- @reply [0, now, changed]    it has another version by now
-- @reply [0, now, taken]      the successor's id is in use
-- @reply [0, now, user, whose:text]  it is somebody else's by now
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
local token, id, next_id, grace, owner = ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[6]), ARGV[9]
local user_key = KEYS[7]
if owner ~= '' then
  user_key = KEYS[8]
end
local damage = refuse_wrong_type(KEYS[2], 'zset') or user_key and refuse_wrong_type(user_key, 'zset')
if damage then
  return damage
end
local meta, user = read_meta(KEYS[1])
local next_meta = read_meta(KEYS[4])
if next_meta and has_token(next_meta.tokens, token) then
  return { 1, now, next_meta.version, next_meta.deadline }
end
if not meta then
  return { 0, now, 'gone' }
end
if owner ~= '' and redis.pcall('GET', KEYS[7]) ~= owner then
  return { 0, now, 'lock' }
end
if user ~= ARGV[8] then
  return { 0, now, 'user', user }
end
if ARGV[13] ~= '0' and meta.version ~= tonumber(ARGV[13]) then
  return { 0, now, 'changed' }
end
if redis.call('EXISTS', KEYS[4]) == 1 then
  return { 0, now, 'taken' }
end
local auth = redis.call('HGET', KEYS[1], 'auth') or ''
-- The successor was ended before it was there: its user was signed out everywhere.
if redis.call('EXISTS', KEYS[5]) == 1 or is_signed_out(KEYS[6], user_key, meta, authenticated_at(auth, meta)) then
  return { 0, now, 'gone' }
end

local first_set = 18 + tonumber(ARGV[16])
local first_removed = first_set + 2 * tonumber(ARGV[17])
local is_small, keeps_all, kept, replaced = ARGV[14] == '1', ARGV[15] == '1', { user = true }, {}
for i = 18, first_set - 1 do
  kept[ARGV[i]] = true
end
for i = first_set, first_removed - 1, 2 do
  replaced[ARGV[i]] = true
end
for i = first_removed, #ARGV do
  replaced[ARGV[i]] = true
end
kept.cookie, kept.about = ARGV[10] == '', ARGV[11] == ''
local stored, list, lineage = redis.call('HGETALL', KEYS[1]), {}, id
for i = 1, #stored, 2 do
  local name = string.match(stored[i], '^%d*(.*)$')
  local is_field = string.sub(name, 1, 2) == 'd:'
  if not replaced[name] and (kept[name] or is_field and keeps_all) then
    list[#list + 1] = stored[i]
    list[#list + 1] = stored[i + 1]
  elseif name == 'lineage' then
    lineage = stored[i + 1]
  end
end
local old_meta = redis.call('HGET', KEYS[1], 'meta')
if ARGV[12] ~= '' and user ~= '' then
  auth = read_authentication(ARGV[12], meta, authenticate(KEYS[6], user_key, now))
end
meta.version = meta.version + 1
meta.seen = now
meta.tokens = ' ' .. token
meta.deadline = deadline_after(now, tonumber(ARGV[5]), meta.absolute)
add_meta(list, meta)
add_text(list, 'lineage', lineage, false)
if auth ~= '' then
  add_text(list, 'auth', auth, false)
end
if ARGV[10] ~= '' and ARGV[10] ~= '-' then
  add_text(list, 'cookie', ARGV[10], is_small)
end
if ARGV[11] ~= '' then
  add_text(list, 'about', ARGV[11], is_small)
end
add_texts(list, ARGV, first_set, first_removed - 1, is_small)
call_in_chunks('HSET', KEYS[4], list, 1, #list)
set_deadline(KEYS[4], KEYS[2], next_id, meta.deadline, user)
if user_key then
  index_user(user_key, next_id, meta.deadline, now)
  redis.call('ZREM', user_key, id)
end
leave_live(KEYS[2], id, 'rotated', user)
close_origin(KEYS[3], id)
redis.call('SET', KEYS[3], user .. '\n>' .. next_id, 'PX', ARGV[7])
if grace <= 0 then
  redis.call('DEL', KEYS[1])
else
  redis.call('HSET', KEYS[1], 'meta', 'rotated ' .. old_meta, 'next', next_id)
  if redis.call('PTTL', KEYS[1]) > grace then
    redis.call('PEXPIRE', KEYS[1], ARGV[6])
  end
end
return { 1, now, meta.version, meta.deadline }

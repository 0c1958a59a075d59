--- touch-session: moves the deadline of a live session; never to an earlier time, so a replay does no harm.
-- @write
-- @key   session  hash  {app:b}:s:<id>
-- @key   live     zset  {app:b}:live
-- @key   user?    zset  {app:b}:u:<user>, only when it lives in this slot and the session has a user
-- @arg   notAfterMs  ms    Redis's clock; later than that the script refuses
-- @arg   id          text  member of the indexes
-- @arg   idleMs      ms    1 …
-- @arg   user        text  whose session it was when it was loaded, empty: nobody's
-- @reply [1, now, version:count, deadline:ms, user:text]  touched; whose it is now, empty: nobody's
-- @reply [0, now, gone]  there is no such session any more
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
local damage = refuse_wrong_type(KEYS[2], 'zset') or KEYS[3] and refuse_wrong_type(KEYS[3], 'zset')
if damage then
  return damage
end
local meta, user = read_meta(KEYS[1])
if not meta then
  return { 0, now, 'gone' }
end
local deadline = deadline_after(now, tonumber(ARGV[3]), meta.absolute)
if deadline > meta.deadline then
  meta.deadline = deadline
  meta.seen = now
  local list = {}
  local pieces = add_meta(list, meta)
  redis.call('HSET', KEYS[1], unpack(list))
  if pieces < meta.pieces then
    remove_rests(KEYS[1], { meta = pieces })
  end
  set_deadline(KEYS[1], KEYS[2], ARGV[2], deadline, user)
  if KEYS[3] and user == ARGV[4] then
    index_user(KEYS[3], ARGV[2], deadline, now)
  end
end
return { 1, now, meta.version, meta.deadline, user }

--- end-session: ends a session, if it is one of those that are meant; its id can not be committed to or created again while the
--- tombstone stands.
-- @write
-- @key   session    hash    {app:b}:s:<id>
-- @key   live       zset    {app:b}:live
-- @key   tombstone  string  {app:b}:t:<id>
-- @key   user?      zset    {app:b}:u:<user>, only when it lives in this slot and whose session it is, is known
-- @arg   notAfterMs      ms    Redis's clock; later than that the script refuses
-- @arg   id              text  member of the indexes
-- @arg   tombstoneMs     ms    how long the id stays unusable
-- @arg   user            text  whose session it must be, empty: anybody's
-- @arg   authenticatedBy ms    its user must have authenticated by then, 0: whenever
-- @arg   createdBy       ms    it must have been created by then, 0: whenever
-- @arg   except          text  stored id: neither this session nor one that it was moved to, empty: none is spared
-- @arg   reason          text  as which end it counts: `logout`, `revoked` or `limit`
-- @arg   bars            flag  1: an id that is not in use can not be used either, while the tombstone stands
-- @reply [1, now, user:text]  ended, now or by the same command before; user is empty when it was nobody's
-- @reply [0, now, gone]       there was none
-- @reply [0, now, moved, next:text]  it was moved: its successor is meant
-- @reply [0, now, spared]     it is not one of those that are meant
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
local id, owner, authenticated_by, created_by, except = ARGV[2], ARGV[4], tonumber(ARGV[5]), tonumber(ARGV[6]), ARGV[7]
local damage = refuse_wrong_type(KEYS[2], 'zset') or KEYS[4] and refuse_wrong_type(KEYS[4], 'zset')
if damage then
  return damage
end
if redis.call('EXISTS', KEYS[1]) == 1 then
  local meta, user = read_meta(KEYS[1])
  local next_id = not meta and redis.pcall('HGET', KEYS[1], 'next')
  if type(next_id) == 'string' then
    return { 0, now, 'moved', next_id }
  end
  if owner ~= '' and user ~= owner then
    return { 0, now, 'spared' }
  end
  if meta then
    local stored = redis.call('HMGET', KEYS[1], 'auth', 'lineage')
    local is_later = authenticated_by > 0 and authenticated_at(stored[1], meta) > authenticated_by
      or created_by > 0 and meta.created > created_by
    if is_later or except ~= '' and (id == except or stored[2] == except) then
      return { 0, now, 'spared' }
    end
  end
  end_session(KEYS[1], KEYS[2], KEYS[3], id, meta and meta.tokens or '', user, ARGV[3], ARGV[8])
  if KEYS[4] then
    redis.call('ZREM', KEYS[4], id)
  end
  return { 1, now, user }
end
leave_live(KEYS[2], id, 'expired', '')
if KEYS[4] then
  redis.call('ZREM', KEYS[4], id)
end
local tombstone = redis.pcall('GET', KEYS[3])
if type(tombstone) == 'string' then
  local next_id = string.match(tombstone, '^[^\n]*\n>(.+)$')
  if next_id then
    return { 0, now, 'moved', next_id }
  end
  local user = string.match(tombstone, '^([^\n]*)\n') or ''
  if owner == '' or user == owner then
    return { 1, now, user }
  end
elseif ARGV[9] == '1' then
  redis.call('SET', KEYS[3], owner .. '\n', 'PX', ARGV[3])
end
return { 0, now, 'gone' }

--- create-session: stores a new session, unless its id is taken or was in use a moment ago.
-- @write
-- @key   session    hash    {app:b}:s:<id>
-- @key   live       zset    {app:b}:live
-- @key   tombstone  string  {app:b}:t:<id>
-- @key   ended      zset    {app:b}:ended
-- @key   source?    hash    {app:b}:s:<id>, the request's session of the same user, only with `sourced`
-- @key   user?      zset    {app:b}:u:<user>, only when it lives in this slot and the session has a user; without `source` the fifth
-- @arg   notAfterMs   ms    Redis's clock; later than that the script refuses
-- @arg   token        text  names this change: a replay of it changes nothing
-- @arg   id           text  member of the indexes
-- @arg   idleMs       ms    1 …
-- @arg   absoluteMs   ms    longest life, 0: no limit
-- @arg   cookie       text  the cookie's attributes, empty: none
-- @arg   user         text  whose session it is, empty: nobody's
-- @arg   about        json  where the user came from, empty: not given
-- @arg   auth         text  how the user authenticated, as `lineage` reads it; only with a user
-- @arg   sourced      flag  1: the user is that of another session, which must be live; 0: they sign in
-- @arg   small        flag  1: longer texts in pieces, 0: each as a whole
-- @arg   set…         fields  name, JSON, name, JSON …
-- @reply [1, now, version:count, deadline:ms, expired…:text]  created, or created before by the same token
-- @reply [0, now, taken]   the id is in use
-- @reply [0, now, ended]   the id was in use a moment ago
-- @reply [0, now, source]  the request's session has ended, was moved, or is another user's
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
local is_sourced, is_small = ARGV[10] == '1', ARGV[11] == '1'
local user_key = KEYS[5]
if is_sourced then
  user_key = KEYS[6]
end
local damage = refuse_wrong_type(KEYS[2], 'zset') or user_key and refuse_wrong_type(user_key, 'zset')
if damage then
  return damage
end
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
-- Later than the last sign-out of everybody, which ends what was created until then.
local created = math.max(now, 1 + tonumber(redis.call('ZSCORE', KEYS[4], 'all') or 0))
absolute = absolute > 0 and now + absolute or 0
local meta = { created = created, version = 1, absolute = absolute, seen = created, tokens = ' ' .. token }
local auth = ''
if is_sourced then
  local source, source_user = read_meta(KEYS[5])
  local source_auth = source and redis.call('HGET', KEYS[5], 'auth') or ''
  local at = source and authenticated_at(source_auth, source)
  if not source or source_user ~= user or is_signed_out(KEYS[4], user_key, source, at) then
    return { 0, now, 'source' }
  end
  meta.absolute = source.absolute
  auth = string.format('%.0f %s', at - created, string.match(source_auth, ' (.*)$') or '-')
elseif user ~= '' then
  auth = read_authentication(ARGV[9], meta, authenticate(KEYS[4], user_key, now))
end
meta.deadline = deadline_after(now, tonumber(ARGV[4]), meta.absolute)
local own = { cookie = ARGV[6], user = user, about = ARGV[8], auth = auth }
store_whole({ session = KEYS[1], live = KEYS[2], user = user_key }, id, meta, own, ARGV, 12, is_small, now)
return { 1, now, 1, meta.deadline, unpack(trim_live(KEYS[2], now, TRIM_COUNT)) }

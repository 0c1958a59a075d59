--- lineage: when a session's user authenticated, and whether they were signed out since. Needs `fields` and `meta`.
--- `auth` is `<ms after the session's creation> [<method, or -> [<actor>]]`; without it the user authenticated at the creation.

--- The mark of a user who was signed out everywhere: the last part of the name of their index, `u:<user>`. `all`: everybody was.
local function mark_of(user_key)
  return string.match(user_key, '^{[^}]*}:(.*)$')
end

local function authenticated_at(auth, meta)
  return meta.created + (tonumber(string.match(auth or '', '^(%-?%d+)')) or 0)
end

--- A moment for a user who authenticates now: later than every mark, so that no sign-out of before concerns it.
local function authenticate(ended_key, user_key, now)
  local mark = user_key and tonumber(redis.call('ZSCORE', ended_key, mark_of(user_key)) or 0) or 0
  return math.max(now, mark + 1)
end

--- Whether a sign-out of this user, or of everybody, came after a session's user authenticated. The mark of a user stands beside their
--- index; where that lives in another slot, who enters it there has asked.
local function is_signed_out(ended_key, user_key, meta, authenticated)
  local all = tonumber(redis.call('ZSCORE', ended_key, 'all') or -1)
  if all >= meta.created then
    return true
  end
  return user_key ~= nil and tonumber(redis.call('ZSCORE', ended_key, mark_of(user_key)) or -1) >= authenticated
end

--- Reads `<moment, 0: now> <longest life, 0: no limit, -: as before> <method, or -> [<actor>]`; sets the session's absolute
--- deadline and replies with the text of `auth`.
local function read_authentication(text, meta, now)
  local at, absolute, who = string.match(text, '^(%d+) (%S+) (.*)$')
  at = tonumber(at)
  if at == 0 then
    at = now
  end
  if absolute ~= '-' then
    absolute = tonumber(absolute)
    meta.absolute = absolute > 0 and now + absolute or 0
  end
  if at == meta.created and who == '-' then
    return ''
  end
  return string.format('%.0f %s', at - meta.created, who)
end

--- Whether a user, or everybody, was signed out everywhere lately.
local function is_marked(ended_key, mark)
  return redis.call('ZSCORE', ended_key, 'all') ~= false or mark ~= nil and redis.call('ZSCORE', ended_key, mark) ~= false
end

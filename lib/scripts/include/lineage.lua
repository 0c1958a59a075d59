--- lineage: when a session's user authenticated, and whether they were signed out since. Needs `fields` and `meta`.
--- `auth` is `<ms after the session's creation> [<method, or -> [<actor>]]`; without it the user authenticated at the creation.

--- Marks of users who were signed out everywhere begin with this; `all`: everybody was.
local USER_MARK = 'u:'

local function authenticated_at(auth, meta)
  return meta.created + (tonumber(string.match(auth or '', '^(%-?%d+)')) or 0)
end

--- A moment for a user who authenticates now: later than every mark, so that no sign-out of before concerns it.
local function authenticate(ended_key, user, now)
  local mark = tonumber(redis.call('ZSCORE', ended_key, USER_MARK .. user) or 0)
  return math.max(now, mark + 1)
end

--- Whether a sign-out of this user, or of everybody, came after a session's user authenticated.
local function is_signed_out(ended_key, user, meta, authenticated)
  local all = tonumber(redis.call('ZSCORE', ended_key, 'all') or -1)
  if all >= meta.created then
    return true
  end
  return user ~= '' and tonumber(redis.call('ZSCORE', ended_key, USER_MARK .. user) or -1) >= authenticated
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

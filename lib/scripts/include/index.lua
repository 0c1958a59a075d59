--- index: who is live, and whose they are. A function here takes all it touches as arguments. Needs `counts`.

--- Sessions leave the index when somebody logs in, a few each time: nobody pays for a mass expiry at once.
local TRIM_COUNT = 16

local function trim_live(live_key, now, count)
  local expired = redis.call('ZRANGEBYSCORE', live_key, '-inf', string.format('%.0f', now), 'LIMIT', 0, count)
  for _, id in ipairs(expired) do
    leave_live(live_key, id, 'expired', '')
  end
  return expired
end

--- Added to the deadline of a place that is reserved for a session which is not there yet.
local RESERVED = 0.5

--- Enters a session into its user's index, or moves it on there; the index lives as long as the last of its sessions.
local function index_user(user_key, id, deadline, now)
  local known = tonumber(redis.call('ZSCORE', user_key, id) or 0)
  -- Never to an earlier time, and never to the same: who found the entry outdated before sees that it no longer is.
  redis.call('ZADD', user_key, string.format('%.1f', known < deadline and deadline or known + 1), id)
  redis.call('ZREMRANGEBYSCORE', user_key, '-inf', string.format('%.0f', now))
  local last = redis.call('ZRANGE', user_key, -1, -1, 'WITHSCORES')
  if last[2] then
    redis.call('PEXPIREAT', user_key, string.format('%.0f', math.ceil(tonumber(last[2]))))
  end
end

--- The error of a key that another program has overwritten, or nil. Asked before a script writes anything.
local function refuse_wrong_type(key, kind)
  local found = redis.call('TYPE', key).ok
  if found ~= 'none' and found ~= kind then
    return redis.error_reply('WRONGTYPE a key of the sessions holds a ' .. found .. ' instead of a ' .. kind)
  end
  return nil
end

--- Sets the one deadline everywhere it is kept.
local function set_deadline(session_key, live_key, id, deadline, user)
  redis.call('PEXPIREAT', session_key, string.format('%.0f', deadline))
  enter_live(live_key, id, deadline, user)
end

--- A session that came from another store has a key that says so: the id that it has there, sealed, while it is kept up to date
--- there. `-` before it, or alone: it may not be taken from there again. A day: longer than requests that began before can write there.
local CLOSED_LIFE_MS = 86400000

local function is_origin_closed(origin_key)
  local text = redis.pcall('GET', origin_key)
  return type(text) == 'string' and string.sub(text, 1, 1) == '-'
end

--- Sees to it that a session that has ended is not taken from its former store again. The key is named after the tombstone's.
local function close_origin(tombstone_key, id)
  local origin_key = string.sub(tombstone_key, 1, -#id - 3) .. 'o:' .. id
  local text = redis.pcall('GET', origin_key)
  if type(text) == 'string' and string.sub(text, 1, 1) ~= '-' then
    local life = math.max(CLOSED_LIFE_MS, redis.call('PTTL', origin_key))
    redis.call('SET', origin_key, '-' .. text, 'PX', string.format('%.0f', life))
  end
end

--- Ends a session, for one of the reasons that are counted; the tombstone keeps what a replayed command has to know.
local function end_session(session_key, live_key, tombstone_key, id, tokens, user, tombstone_ms, reason)
  redis.call('DEL', session_key)
  leave_live(live_key, id, reason, user)
  close_origin(tombstone_key, id)
  redis.call('SET', tombstone_key, user .. '\n' .. tokens, 'PX', tombstone_ms)
end

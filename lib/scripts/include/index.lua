--- index: who is live, and whose they are. A function here takes all it touches as arguments.

--- Sessions leave the index when somebody logs in, a few each time: nobody pays for a mass expiry at once.
local TRIM_COUNT = 16

local function trim_live(live_key, now)
  local expired = redis.call('ZRANGEBYSCORE', live_key, '-inf', string.format('%.0f', now), 'LIMIT', 0, TRIM_COUNT)
  if #expired > 0 then
    redis.call('ZREM', live_key, unpack(expired))
  end
  return expired
end

local function index_user(user_key, id, deadline, now)
  redis.call('ZADD', user_key, string.format('%.0f', deadline), id)
  redis.call('ZREMRANGEBYSCORE', user_key, '-inf', string.format('%.0f', now))
  local last = redis.call('ZRANGE', user_key, -1, -1, 'WITHSCORES')
  redis.call('PEXPIREAT', user_key, string.format('%.0f', tonumber(last[2])))
end

--- Sets the one deadline everywhere it is kept.
local function set_deadline(session_key, live_key, id, deadline)
  local text = string.format('%.0f', deadline)
  redis.call('PEXPIREAT', session_key, text)
  redis.call('ZADD', live_key, text, id)
end

--- Ends a session; the tombstone keeps what a replayed command has to know.
local function end_session(session_key, live_key, tombstone_key, id, tokens, user, tombstone_ms)
  redis.call('DEL', session_key)
  redis.call('ZREM', live_key, id)
  redis.call('SET', tombstone_key, user .. '\n' .. tokens, 'PX', tombstone_ms)
end

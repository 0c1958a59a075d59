--- clock: Redis's own time, so that no app server's clock can shorten or lengthen a session.

local function now_ms()
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end

--- A command whose caller has given up must not take effect later, in a server that was frozen meanwhile.
local function refuse_if_late(now, not_after)
  if now > tonumber(not_after) then
    return redis.error_reply(string.format('LATE %.0f', now))
  end
  return nil
end

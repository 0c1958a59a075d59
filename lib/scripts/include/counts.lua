--- counts: who is live, how many began and ended, and what happened, all in one step with the change itself. A live session with a
--- user has a score that is not whole, so that their number is known also of those that have expired: nothing else is left then.
--- The counts and the events of a bucket live beside its index of live sessions, `{app:b}:live`, and are named after it.

--- Subtracted from the deadline of a live session with a user.
local AUTHENTICATED = 0.5

--- As many events are kept at least; EVENTS_KEPT in lib/stats has the same number.
local EVENTS_KEPT = 10000

--- As many expired sessions are looked at one by one; the elected instance takes them out every second.
local MAX_EXPIRED = 5000

local function beside(live_key, name)
  return string.sub(live_key, 1, -#'live' - 1) .. name
end

local function count(live_key, name, by)
  redis.call('HINCRBY', beside(live_key, 'counts'), name, by)
end

local function report(live_key, ...)
  redis.call('XADD', beside(live_key, 'events'), 'MAXLEN', '~', EVENTS_KEPT, '*', ...)
end

local function is_authenticated(score)
  return tonumber(score) % 1 == AUTHENTICATED
end

--- Enters a session into the index of live ones, or moves it on there. Whoever enters counts as created.
local function enter_live(live_key, id, deadline, user)
  local known = redis.call('ZSCORE', live_key, id)
  local is_owned, was_owned = user ~= '', known and is_authenticated(known)
  redis.call('ZADD', live_key, string.format('%.1f', is_owned and deadline - AUTHENTICATED or deadline), id)
  if is_owned and not was_owned then
    count(live_key, 'authenticated', 1)
  elseif was_owned and not is_owned then
    count(live_key, 'authenticated', -1)
  end
  if not known then
    count(live_key, 'created', 1)
    report(live_key, 'type', 'created', 'id', id, 'user', user)
  end
end

--- Takes a session out of the index of live ones. Whoever was in it counts as ended, for this reason.
local function leave_live(live_key, id, reason, user)
  local known = redis.call('ZSCORE', live_key, id)
  if not known then
    return
  end
  redis.call('ZREM', live_key, id)
  if is_authenticated(known) then
    count(live_key, 'authenticated', -1)
  end
  count(live_key, reason, 1)
  report(live_key, 'type', reason, 'id', id, 'user', user)
end

--- Reports that a live session has another user now; its version tells two such changes from one that is made again.
local function report_user(live_key, id, user, former, version)
  report(live_key, 'type', 'userChanged', 'id', id, 'user', user, 'former', former, 'version', version)
end

--- Of the sessions that have expired and are in the index still, those that had a user.
local function count_expired_authenticated(live_key, now)
  local last = string.format('%.0f', now)
  local expired = redis.call('ZRANGEBYSCORE', live_key, '-inf', last, 'WITHSCORES', 'LIMIT', 0, MAX_EXPIRED)
  local total = 0
  for i = 2, #expired, 2 do
    if is_authenticated(expired[i]) then
      total = total + 1
    end
  end
  return total
end

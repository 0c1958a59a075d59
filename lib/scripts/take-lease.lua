--- take-lease: takes, or renews, a lease that one instance of the installation holds at a time.
-- @write
-- @key   lease  hash  {app:0}:lease:<name>
-- @arg   notAfterMs  ms    Redis's clock; later than that the script refuses
-- @arg   owner       text  names the holder
-- @arg   ttlMs       ms    how long it is held unless it is renewed
-- @arg   keepMs      ms    how long what hangs on the lease outlives its last renewal
-- @reply [1, now, term:count]      held; the term grows by one with every change of the holder
-- @reply [0, now, held, leftMs:ms]  held by another for this long at the most
--- @include clock
local now = now_ms()
local late = refuse_if_late(now, ARGV[1])
if late then
  return late
end
local stored = redis.call('HMGET', KEYS[1], 'owner', 'untilMs', 'term')
local left = tonumber(stored[2] or 0) - now
local term = tonumber(stored[3] or 0)
if stored[1] ~= ARGV[2] then
  if left > 0 then
    return { 0, now, 'held', left }
  end
  term = term + 1
end
redis.call('HSET', KEYS[1], 'owner', ARGV[2], 'untilMs', string.format('%.0f', now + tonumber(ARGV[3])), 'term', term)
redis.call('PEXPIRE', KEYS[1], ARGV[4])
return { 1, now, term }

--- lock-session: takes, or takes again, the exclusive lock of a session.
-- @write
-- @key   lock  string  {app:b}:l:<id>
-- @arg   notAfterMs  ms    Redis's clock; later than that the script refuses
-- @arg   owner       text  names the holder
-- @arg   ttlMs       ms    the lock's life unless it is renewed
-- @reply heldMs:ms  0: the owner holds it now; otherwise how long another may still hold it
--- @include clock
local late = refuse_if_late(now_ms(), ARGV[1])
if late then
  return late
end
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[2] then
  return math.max(1, redis.call('PTTL', KEYS[1]))
end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 0

--- drop-lease: gives a lease back, if it is still the owner's, so that another instance need not wait for its end.
-- @write
-- @key   lease  hash  {app:0}:lease:<name>
-- @arg   notAfterMs  ms    Redis's clock; later than that the script refuses
-- @arg   owner       text  names the holder
-- @reply dropped:count  1, or 0 when it was not the owner's any more
--- @include clock
local late = refuse_if_late(now_ms(), ARGV[1])
if late then
  return late
end
if redis.call('HGET', KEYS[1], 'owner') ~= ARGV[2] then
  return 0
end
redis.call('HDEL', KEYS[1], 'owner', 'untilMs')
return 1

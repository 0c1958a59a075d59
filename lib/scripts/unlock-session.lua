--- unlock-session: gives an exclusive lock back, if it is still the owner's.
-- @write
-- @key   lock  string  {app:b}:l:<id>
-- @arg   notAfterMs  ms    Redis's clock; later than that the script refuses
-- @arg   owner       text  names the holder
-- @reply released:count  1: given back; 0: it was not the owner's any more
--- @include clock
local late = refuse_if_late(now_ms(), ARGV[1])
if late then
  return late
end
if redis.call('GET', KEYS[1]) ~= ARGV[2] then
  return 0
end
return redis.call('DEL', KEYS[1])

--- announce: enters an installation into the list of all that use this Redis.
-- @write
-- @key   installations  hash  {nestjs-ha-session}:installations
-- @arg   notAfterMs   ms    Redis's clock; later than that the script refuses
-- @arg   application  text  its name
-- @arg   about        json  what it says of itself
-- @reply entered:count  1
--- @include clock
local late = refuse_if_late(now_ms(), ARGV[1])
if late then
  return late
end
redis.call('HSET', KEYS[1], ARGV[2], ARGV[3])
return 1

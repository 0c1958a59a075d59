--- probe-sessions: shows that this server runs scripts and takes changes on a key of the application.
-- @write
-- @key   probe  string  {app:0}:probe
-- @arg   notAfterMs  ms    Redis's clock; later than that the script refuses
-- @arg   lifeMs      ms    how long the key stays
-- @reply done:count  1: it does
--- @include clock
local late = refuse_if_late(now_ms(), ARGV[1])
if late then
  return late
end
redis.call('SET', KEYS[1], '1', 'PX', ARGV[2])
return 1

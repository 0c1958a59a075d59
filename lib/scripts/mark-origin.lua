--- mark-origin: notes that another store has a live session too, or that a session may not be taken from there any more.
-- @write
-- @key   session  hash    {app:b}:s:<id>
-- @key   origin   string  {app:b}:o:<id>
-- @arg   notAfterMs  ms    Redis's clock; later than that the script refuses
-- @arg   text        text  the sealed id, or `-`
-- @arg   lifeMs      ms    how long that is noted
-- @reply marked:count  1; 0: the session is not here
--- @include clock
local late = refuse_if_late(now_ms(), ARGV[1])
if late then
  return late
end
if ARGV[2] ~= '-' and redis.call('EXISTS', KEYS[1]) == 0 then
  return 0
end
redis.call('SET', KEYS[2], ARGV[2], 'PX', ARGV[3])
return 1

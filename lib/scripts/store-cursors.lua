--- store-cursors: notes how far the holder of a lease has come; whoever lost the lease notes nothing.
-- @write
-- @key   lease  hash  {app:0}:lease:<name>
-- @arg   notAfterMs  ms    Redis's clock; later than that the script refuses
-- @arg   owner       text  names the holder
-- @arg   cursors…    texts  field, place, field, place …
-- @reply noted:count  1, or 0 when the lease is another's by now
--- @include clock
local late = refuse_if_late(now_ms(), ARGV[1])
if late then
  return late
end
if redis.call('HGET', KEYS[1], 'owner') ~= ARGV[2] then
  return 0
end
redis.call('HSET', KEYS[1], unpack(ARGV, 3))
return 1

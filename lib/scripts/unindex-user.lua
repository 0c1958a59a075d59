--- unindex-user: takes a session that ended, or has another user now, out of its user's index.
-- @write
-- @key   user  zset  {app:b}:u:<user>
-- @arg   notAfterMs  ms    Redis's clock; later than that the script refuses
-- @arg   id          text  member of the index
-- @arg   score       text  what the entry must be at still, empty: whatever it is at
-- @reply removed:count  1: taken out; 0: was not in it, or was entered anew
--- @include clock
local late = refuse_if_late(now_ms(), ARGV[1])
if late then
  return late
end
if ARGV[3] ~= '' and redis.call('ZSCORE', KEYS[1], ARGV[2]) ~= ARGV[3] then
  return 0
end
return redis.call('ZREM', KEYS[1], ARGV[2])

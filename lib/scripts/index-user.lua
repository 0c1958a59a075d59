--- index-user: enters a session into its user's index before it is written, where the index lives in another slot (Cluster).
-- @write
-- @key   user  zset  {app:b}:u:<user>
-- @arg   notAfterMs  ms    Redis's clock; later than that the script refuses
-- @arg   id          text  member of the index
-- @arg   idleMs      ms    how long the session may live from now
-- @reply 1  entered
--- @include clock
--- @include index
local now = now_ms()
local late = refuse_if_late(now, ARGV[1])
if late then
  return late
end
index_user(KEYS[1], ARGV[2], now + tonumber(ARGV[3]), now)
return 1

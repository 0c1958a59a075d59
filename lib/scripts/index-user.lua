--- index-user: enters a session into its user's index, where that lives in another slot (Cluster).
-- @write
-- @key   user  zset  {app:b}:u:<user>
-- @arg   notAfterMs  ms    Redis's clock; later than that the script refuses
-- @arg   id          text  member of the index
-- @arg   lifeMs      ms    how long the session may live from now
-- @arg   reserved    flag  1: the session is not there yet, 0: it is
-- @reply entered:count  1
--- @include clock
--- @include counts
--- @include index
local now = now_ms()
local late = refuse_if_late(now, ARGV[1])
if late then
  return late
end
index_user(KEYS[1], ARGV[2], now + tonumber(ARGV[3]) + (ARGV[4] == '1' and RESERVED or 0), now)
return 1

--- expire-sessions: takes expired sessions out of the index of live ones and names each of them to exactly one caller.
-- @write
-- @key   live  zset  {app:b}:live
-- @arg   notAfterMs  ms     Redis's clock; later than that the script refuses
-- @arg   count       count  how many at the most, 1 … 1000
-- @reply ids…:text
--- @include clock
--- @include counts
--- @include index
local now = now_ms()
local late = refuse_if_late(now, ARGV[1])
if late then
  return late
end
return trim_live(KEYS[1], now, ARGV[2])

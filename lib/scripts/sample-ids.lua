--- sample-ids: some live sessions of one bucket by their place in the order of deadlines.
-- @read
-- @key   live  zset  {app:b}:live
-- @arg   parts…  texts  where to look, each 0 … below 1: a part of the way from the first to the last
-- @reply ids…:text  of a few sessions all
--- @include clock
local first = string.format('(%.0f', now_ms())
local count = redis.call('ZCOUNT', KEYS[1], first, '+inf')
if count <= #ARGV then
  return redis.call('ZRANGEBYSCORE', KEYS[1], first, '+inf')
end
local skipped = redis.call('ZCARD', KEYS[1]) - count
local ids = {}
for i = 1, #ARGV do
  local rank = skipped + math.floor(tonumber(ARGV[i]) * count)
  ids[i] = redis.call('ZRANGE', KEYS[1], rank, rank)[1]
end
return ids

--- page-sessions: ids of one bucket in the order of their deadlines, a bounded page at a time.
-- @read
-- @key   live  zset  {app:b}:live
-- @arg   start  count  rank of the first, 0 …
-- @arg   size   count  1 … 1000
-- @reply ids…:text
return redis.call('ZRANGE', KEYS[1], ARGV[1], tonumber(ARGV[1]) + tonumber(ARGV[2]) - 1)

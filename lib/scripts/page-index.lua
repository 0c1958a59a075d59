--- page-index: a bounded page of an index, in the order of its deadlines, from one of them on.
-- @read
-- @key   index  zset  {app:b}:live or {app:b}:u:<user>
-- @arg   from   text   score of the first, `(` before it: of the one before, empty: what is live now
-- @arg   size   count  1 … 1000; more come when more have the very same deadline
-- @reply entries…:text  id, score, id, score …
--- @include clock
local from = ARGV[1] ~= '' and ARGV[1] or string.format('(%.0f', now_ms())
local page = redis.call('ZRANGEBYSCORE', KEYS[1], from, '+inf', 'WITHSCORES', 'LIMIT', 0, ARGV[2])
if #page == 2 * tonumber(ARGV[2]) and page[2] == page[#page] then
  return redis.call('ZRANGEBYSCORE', KEYS[1], page[2], page[2], 'WITHSCORES')
end
return page

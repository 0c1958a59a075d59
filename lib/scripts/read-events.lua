--- read-events: what happened to the sessions of one bucket after a place in its stream.
-- @read
-- @key   events  stream  {app:b}:events
-- @arg   after  text   an entry's id: it comes first in the reply if it is still there; empty: nothing but the end is wanted
-- @arg   count  count  how many at the most
-- @reply [1, now, last:text, length:count, entries…:text]  the newest entry's id, `0-0` when there is none; how many there are; of each id,
--        number of texts that follow, name, value, …
--- @include clock
--- @include stream
local newest = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
local reply = { 1, now_ms(), newest and newest[1] or '0-0', redis.call('XLEN', KEYS[1]) }
if ARGV[1] ~= '' then
  add_entries(reply, redis.call('XRANGE', KEYS[1], ARGV[1], '+', 'COUNT', ARGV[2]))
end
return reply

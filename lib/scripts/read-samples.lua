--- read-samples: the samples of a history between two times, oldest first.
-- @read
-- @key   history  stream  {app:0}:minutes or {app:0}:hours
-- @arg   from   text   the first, in epoch milliseconds, `-`: whichever is the first
-- @arg   to     text   the last, in epoch milliseconds
-- @arg   count   count  how many at the most
-- @reply entries…:text  id, number of texts that follow, name, value, … of each
--- @include stream
local reply = {}
add_entries(reply, redis.call('XRANGE', KEYS[1], ARGV[1], ARGV[2], 'COUNT', ARGV[3]))
return reply

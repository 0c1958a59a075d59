--- find-entry: the score of one session in a user's index.
-- @read
-- @key   user  zset  {app:b}:u:<user>
-- @arg   id  text  member of the index
-- @reply score…:text  nothing when it is not in it
local score = redis.call('ZSCORE', KEYS[1], ARGV[1])
return score and { score } or {}

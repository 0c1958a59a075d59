--- sign-out: marks that all sessions of a user, or of everybody, from before now are to end: none of them can be moved, or be the
--- source of another, from here on. The caller then ends them page by page.
-- @write
-- @key   ended  zset  {app:b}:ended
-- @arg   notAfterMs  ms    Redis's clock; later than that the script refuses
-- @arg   mark        text  `u:<user>`, as the user's index is named, or `all`
-- @arg   keepMs      ms    how long marks are kept: longer than the ending of the sessions takes
-- @reply markedMs:ms  the moment up to which a user's authentication counts no more
--- @include clock
local now = now_ms()
local late = refuse_if_late(now, ARGV[1])
if late then
  return late
end
-- Later than the mark before: also whoever authenticated after that, in the same millisecond, is signed out.
local mark = math.max(now, 1 + tonumber(redis.call('ZSCORE', KEYS[1], ARGV[2]) or 0))
-- Whoever keeps them longer has set a longer life, and removes them.
if redis.call('PTTL', KEYS[1]) <= tonumber(ARGV[3]) then
  redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', now - tonumber(ARGV[3])))
end
redis.call('ZADD', KEYS[1], string.format('%.0f', mark), ARGV[2])
if redis.call('PTTL', KEYS[1]) <= tonumber(ARGV[3]) then
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
end
return mark

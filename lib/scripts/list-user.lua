--- list-user: the sessions of one user as his index knows them, with the score of each.
-- @read
-- @key   user  zset  {app:b}:u:<user>
-- @reply entries…:text  id, score, id, score …
--- @include clock
return redis.call('ZRANGEBYSCORE', KEYS[1], string.format('(%.0f', now_ms()), '+inf', 'WITHSCORES')

--- count-user: how many sessions of one user there are, as the user's index knows them.
-- @read
-- @key   user  zset  {app:b}:u:<user>
-- @reply sessions:count
--- @include clock
return redis.call('ZCOUNT', KEYS[1], string.format('(%.0f', now_ms()), '+inf')

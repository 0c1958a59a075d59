--- count-sessions: live sessions of one bucket now, exactly, without a scan.
-- @read
-- @key   live  zset  {app:b}:live
-- @reply live:count
--- @include clock
return redis.call('ZCOUNT', KEYS[1], string.format('(%.0f', now_ms()), '+inf')

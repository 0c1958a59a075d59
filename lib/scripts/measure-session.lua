--- measure-session: the memory that one session takes, and whose it is.
-- @read
-- @key   session  hash  {app:b}:s:<id>
-- @reply [1, now, bytes:count, user:text]  user is empty when it is nobody's
-- @reply [0, now, gone]                    there is no such session any more
--- @include clock
local bytes = redis.call('MEMORY', 'USAGE', KEYS[1])
if not bytes then
  return { 0, now_ms(), 'gone' }
end
return { 1, now_ms(), bytes, redis.call('HGET', KEYS[1], 'user') or '' }

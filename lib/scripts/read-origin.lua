--- read-origin: what is noted of the session that another store has.
-- @read
-- @key   origin  string  {app:b}:o:<id>
-- @reply text…:text  the sealed id, or with `-` before it; nothing when nothing is noted
local text = redis.call('GET', KEYS[1])
return text and { text } or {}

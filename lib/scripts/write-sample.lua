--- write-sample: adds one sample to a history, by the holder of the lease alone and once for each time.
-- @write
-- @key   lease    hash    {app:0}:lease:worker
-- @key   history  stream  {app:0}:minutes or {app:0}:hours
-- @arg   notAfterMs  ms     Redis's clock; later than that the script refuses
-- @arg   owner       text   names the holder
-- @arg   atMs        ms     beginning of the minute or hour: the entry's id
-- @arg   count       count  samples that are kept
-- @arg   values…     texts  name, value, name, value …
-- @reply [1, now]           written
-- @reply [0, now, there]    there is a sample of this time, or of a later one
-- @reply [0, now, fenced]   the lease is another's by now
--- @include clock
local now = now_ms()
local late = refuse_if_late(now, ARGV[1])
if late then
  return late
end
if redis.call('HGET', KEYS[1], 'owner') ~= ARGV[2] then
  return { 0, now, 'fenced' }
end
local last = redis.call('XREVRANGE', KEYS[2], '+', '-', 'COUNT', 1)[1]
if last and tonumber(string.match(last[1], '^%d+')) >= tonumber(ARGV[3]) then
  return { 0, now, 'there' }
end
redis.call('XADD', KEYS[2], 'MAXLEN', ARGV[4], ARGV[3] .. '-0', unpack(ARGV, 5))
return { 1, now }

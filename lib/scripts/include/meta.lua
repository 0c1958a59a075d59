--- meta: the hash field that says what a session is: `format created deadline version absolute seen [token…]`.
--- `rotated ` before it: the id was given up for another one; the session can be read for its grace and no more.

local FORMAT = 1
--- Enough for every change that can be unanswered at the same time; older ones can not be replayed any more.
local MAX_TOKENS = 16
local TOKEN_LIFE_MS = 60000

local function parse_meta(text)
  local created, deadline, version, absolute, seen, tokens =
    string.match(text, '^1 (%d+) (%d+) (%d+) (%d+) (%d+)(.*)$')
  if not created then
    return nil
  end
  return {
    created = tonumber(created),
    deadline = tonumber(deadline),
    version = tonumber(version),
    absolute = tonumber(absolute),
    seen = tonumber(seen),
    tokens = tokens,
  }
end

local function format_meta(meta)
  return string.format('%d %.0f %.0f %.0f %.0f %.0f%s', FORMAT, meta.created, meta.deadline, meta.version, meta.absolute,
    meta.seen, meta.tokens)
end

--- Whether this very change has been applied already: an unanswered command is sent again.
local function has_token(tokens, token)
  return string.find(tokens, ' ' .. token, 1, true) ~= nil
end

local function add_token(meta, token, now)
  if now - meta.seen > TOKEN_LIFE_MS then
    meta.tokens = ''
  end
  meta.seen = now
  meta.tokens = meta.tokens .. ' ' .. token
  local size = (#token + 1) * MAX_TOKENS
  if #meta.tokens > size then
    meta.tokens = string.sub(meta.tokens, -size)
  end
end

local function deadline_after(now, idle, absolute)
  local deadline = now + idle
  if absolute > 0 and absolute < deadline then
    return absolute
  end
  return deadline
end

--- Lua can unpack some thousand values at once and no more.
local CHUNK = 1000

local function call_in_chunks(command, key, values, first, last)
  for from = first, last, CHUNK do
    redis.call(command, key, unpack(values, from, math.min(from + CHUNK - 1, last)))
  end
end

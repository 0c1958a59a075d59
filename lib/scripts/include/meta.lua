--- meta: the text that says what a session is: `format created seen life longest version [token…]`: when it was created, and after
--- that by how much it was last stored or touched, from then on how long it lives, and how long it may live since its creation.
--- `rotated ` before it: the id was given up for another one; the session can be read for its grace and no more.

local FORMAT = 1
--- Enough for every change that can be unanswered at the same time; older ones can not be replayed any more.
local MAX_TOKENS = 16
local TOKEN_LIFE_MS = 60000
--- The last moment of JavaScript's calendar, in epoch milliseconds: a session with a larger number cannot be read.
local MAX_NUMBER = 8.64e15

local function parse_meta(text)
  local created, seen, life, longest, version, tokens =
    string.match(text, '^1 (%d+) (%-?%d+) (%-?%d+) (%d+) (%d+)(.*)$')
  if not created then
    return nil
  end
  created, longest, version = tonumber(created), tonumber(longest), tonumber(version)
  seen = created + tonumber(seen)
  local deadline = seen + tonumber(life)
  if math.max(created, longest, version, math.abs(seen), math.abs(deadline)) > MAX_NUMBER then
    return nil
  end
  return {
    created = created,
    seen = seen,
    deadline = deadline,
    absolute = longest > 0 and created + longest or 0,
    version = version,
    tokens = tokens,
  }
end

--- What a session is, nil for one that is gone, rotated, or cannot be read: of another type or format; and whose it is.
local function read_meta(key)
  -- The tokens are as many as four pieces can hold.
  local stored = redis.pcall('HMGET', key, 'user', 'meta', '1meta', '2meta', '3meta')
  if stored.err or not stored[2] then
    return nil, ''
  end
  local meta = parse_meta(stored[2] .. (stored[3] or '') .. (stored[4] or '') .. (stored[5] or ''))
  if meta then
    meta.pieces = stored[5] and 4 or stored[4] and 3 or stored[3] and 2 or 1
  end
  return meta, stored[1] or ''
end

--- Adds a session's meta to what is to be stored; replies with the number of its pieces.
local function add_meta(list, meta)
  local longest = meta.absolute > 0 and meta.absolute - meta.created or 0
  local text = string.format('%d %.0f %.0f %.0f %.0f %.0f%s', FORMAT, meta.created, meta.seen - meta.created,
    meta.deadline - meta.seen, longest, meta.version, meta.tokens)
  return add_text(list, 'meta', text, true)
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

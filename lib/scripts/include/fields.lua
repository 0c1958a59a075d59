--- fields: texts of a session's hash. Redis keeps a hash in one block of memory while none of its values is longer than 64 bytes
--- (hash-max-listpack-value), and pays some 80 bytes for each field otherwise. So a small session's longer texts are stored in
--- pieces: `d:cart`, `1d:cart`, `2d:cart` …

local PIECE_BYTES = 64

--- Lua can unpack some thousand values at once and no more.
local CHUNK = 1000

local function call_in_chunks(command, key, values, first, last)
  local count = 0
  for from = first, last, CHUNK do
    count = count + redis.call(command, key, unpack(values, from, math.min(from + CHUNK - 1, last)))
  end
  return count
end

--- Whether a byte continues a character of UTF-8.
local function is_inside_character(byte)
  return byte >= 0x80 and byte < 0xC0
end

--- Adds a text to a list of names and values as it is to be stored; replies with the number of its pieces.
local function add_text(list, name, text, is_small)
  if not is_small or #text <= PIECE_BYTES then
    list[#list + 1] = name
    list[#list + 1] = text
    return 1
  end
  local count, from = 0, 1
  repeat
    local last = math.min(from + PIECE_BYTES - 1, #text)
    -- Between characters: each piece has to be UTF-8 by itself.
    while last < #text and last > from and is_inside_character(string.byte(text, last + 1)) do
      last = last - 1
    end
    list[#list + 1] = count == 0 and name or count .. name
    list[#list + 1] = string.sub(text, from, last)
    count = count + 1
    from = last + 1
  until from > #text
  return count
end

--- Adds the texts at `first` … `last` of `values`: name, text, name, text …
local function add_texts(list, values, first, last, is_small)
  for i = first, last, 2 do
    add_text(list, values[i], values[i + 1], is_small)
  end
end

--- Deletes the pieces that an earlier, longer text has left; `counts` says by name how many there are now.
local function remove_rests(key, counts)
  local next_pieces = {}
  for name, count in pairs(counts) do
    next_pieces[#next_pieces + 1] = count .. name
  end
  if call_in_chunks('HDEL', key, next_pieces, 1, #next_pieces) == 0 then
    return
  end
  for name, count in pairs(counts) do
    repeat
      count = count + 1
    until redis.call('HDEL', key, count .. name) == 0
  end
end

--- The whole of a text, or nil.
local function read_text(key, name)
  local text = redis.call('HGET', key, name)
  if not text then
    return nil
  end
  local number, piece = 1, redis.call('HGET', key, '1' .. name)
  while piece do
    text = text .. piece
    number = number + 1
    piece = redis.call('HGET', key, number .. name)
  end
  return text
end

--- How many fields of the application a session has, and how many it has after a change: `values` holds name, text, name, text …
--- from `first_set`, and names to delete from `first_removed` up to the one before `first_rest`.
local function count_fields(key, values, first_set, first_removed, first_rest)
  local known, before = {}, 0
  for _, name in ipairs(redis.call('HKEYS', key)) do
    if string.sub(name, 1, 2) == 'd:' then
      known[name] = true
      before = before + 1
    end
  end
  local after = before
  for i = first_set, first_removed - 1, 2 do
    if not known[values[i]] then
      after = after + 1
    end
  end
  for i = first_removed, first_rest - 1 do
    if known[values[i]] then
      after = after - 1
    end
  end
  return before, after
end

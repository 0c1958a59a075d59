--- whole: stores a session with all that it has. Needs `fields`, `meta` and `index`.

--- Fields of a session's hash that are not the application's, in the order in which they are stored; the texts that may be long.
local OWN = { 'cookie', 'about', 'user', 'auth' }
local MAY_BE_LONG = { cookie = true, about = true }

--- `texts` holds the fields from `first` on: name, text, name, text …
local function store_whole(keys, id, meta, own, texts, first, is_small, now)
  local list = {}
  add_meta(list, meta)
  for _, name in ipairs(OWN) do
    if own[name] and own[name] ~= '' then
      add_text(list, name, own[name], is_small and MAY_BE_LONG[name])
    end
  end
  add_texts(list, texts, first, #texts, is_small)
  call_in_chunks('HSET', keys.session, list, 1, #list)
  set_deadline(keys.session, keys.live, id, meta.deadline, own.user)
  if keys.user then
    index_user(keys.user, id, meta.deadline, now)
  end
end

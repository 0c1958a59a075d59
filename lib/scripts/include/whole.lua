--- whole: stores a session with all that it has. Needs `fields`, `meta` and `index`.

--- `texts` holds the fields from `first` on: name, text, name, text …
local function store_whole(keys, id, meta, own, texts, first, is_small, now)
  local list = {}
  add_meta(list, meta)
  for _, name in ipairs({ 'cookie', 'about' }) do
    if own[name] ~= '' then
      add_text(list, name, own[name], is_small)
    end
  end
  if own.user ~= '' then
    add_text(list, 'user', own.user, false)
  end
  add_texts(list, texts, first, #texts, is_small)
  call_in_chunks('HSET', keys.session, list, 1, #list)
  set_deadline(keys.session, keys.live, id, meta.deadline, own.user)
  if keys.user then
    index_user(keys.user, id, meta.deadline, now)
  end
end

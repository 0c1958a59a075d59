--- stream: entries of a stream as a flat list of texts.

--- Adds of each entry its id, the number of its names and values, and these.
local function add_entries(list, entries)
  for _, entry in ipairs(entries) do
    list[#list + 1] = entry[1]
    list[#list + 1] = tostring(#entry[2])
    for _, text in ipairs(entry[2]) do
      list[#list + 1] = text
    end
  end
end

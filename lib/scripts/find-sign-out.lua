--- find-sign-out: whether a user, or everybody, was signed out everywhere lately.
-- @read
-- @key   ended  zset  {app:b}:ended
-- @arg   mark  text  that of the user, as `ended` has it
-- @reply marked:count  1: so it is
--- @include lineage
return is_marked(KEYS[1], ARGV[1]) and 1 or 0

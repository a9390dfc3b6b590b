-- tally counts how often each number was added: an acknowledged one once, no one twice.

local tally = state.map("tally")
local kept = state.map("kept") -- for tidelock bench

return {
  name = "tally",
  version = 1,
  commands = {
    add = function(n)
      tally:set(n, (tally:get(n) or 0) + 1)
      return n
    end,
    put = function(key, value) kept:set(key, value) end,
  },
  queries = {
    page = function(lo, limit) return tally:range(lo, nil, limit) end,
  },
}

-- What `make scale` runs where there are many keys: the default machine's put, and a command that
-- makes many keys at once.

local kv = state.map("kv")
local format = string.format

return {
  name = "scale",
  version = 1,

  commands = {
    put = function(key, value)
      kv:set(key, value)
      return "OK"
    end,

    -- fill writes the keys from lo to hi, that one excluded.
    fill = function(lo, hi, value)
      for n = lo, hi - 1 do kv:set(format("%016d", n), value) end
    end,

    -- ballast does nothing with an argument of any size.
    ballast = function(bytes) end,
  },

  queries = {
    get = function(key) return kv:get(key) end,
    len = function() return kv:len() end,
  },
}

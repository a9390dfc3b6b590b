-- chaos: what the clients of package chaos use. Every element of a list, and every value of a
-- register, is written by one command only, so what is read says who wrote it.

local version = 1
local registers = state.map("registers")
local counters = state.map("counters")
local lists = state.map("lists")

return {
  name = "chaos",
  version = version,

  -- put and cas return the version that carried them out.
  commands = {
    put = function(key, value)
      registers:set(key, value)
      return version
    end,

    cas = function(key, old, new)
      if registers:get(key) ~= old then fail("conflict", "the value has changed") end
      registers:set(key, new)
      return version
    end,

    incr = function(key)
      local n = (counters:get(key) or 0) + 1
      counters:set(key, n)
      return n
    end,

    append = function(key, element)
      local list = lists:get(key) or {}
      table.insert(list, element)
      lists:set(key, list)
      return #list
    end,
  },

  queries = {
    get = function(key) return registers:get(key) end,
    count = function(key) return counters:get(key) or 0 end,
    elements = function(key) return lists:get(key) or {} end,
  },
}

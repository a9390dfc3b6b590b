-- kv: a map from keys to values, the machine that runs when no other is named.

local kv = state.map("kv")

return {
  name = "kv",
  version = 1,

  commands = {
    put = function(key, value)
      if value == nil then fail("bad_arguments", "put needs a key and a value; use del to delete") end
      kv:set(key, value)
      return "OK"
    end,

    -- put_all puts everything that a table has from keys to values, together.
    put_all = function(items)
      if items == nil then fail("bad_arguments", "put_all needs a table from keys to values") end
      kv:set_all(items)
      return "OK"
    end,

    -- del tells whether there was something to delete.
    del = function(key)
      local had = kv:has(key)
      kv:delete(key)
      return had
    end,

    -- cas writes new if the value is old; nil stands for no value, on either side.
    cas = function(key, old, new)
      if kv:get(key) ~= old then fail("conflict", "the value has changed") end
      kv:set(key, new)
      return "OK"
    end,

    -- incr adds to a number, from zero, and tells the sum.
    incr = function(key, by)
      local n = kv:get(key) or 0
      if type(n) ~= "number" then fail("not_a_number", "the value is a " .. type(n)) end
      n = n + (by or 1)
      kv:set(key, n)
      return n
    end,
  },

  queries = {
    get = function(key) return kv:get(key) end,
    has = function(key) return kv:has(key) end,
    len = function() return kv:len() end,
    keys = function(lo, hi, limit) return kv:keys(lo, hi, limit) end,
    range = function(lo, hi, limit) return kv:range(lo, hi, limit) end,
  },
}

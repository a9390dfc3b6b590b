-- registers: what simulated clients use. Values, counters and short lists under keys, beside commands
-- that fail in every way. Each command takes a mark that nobody reads: it makes the call unique.

local kv = state.map("kv")
local litter = state.map("litter")
local life = state.value("life", 0)

local kept = 16 -- elements of a list

return {
  name = "registers",
  version = 1,
  limits = { steps = 5000, bytes = 128 * 1024 },

  commands = {
    put = function(key, value, mark)
      kv:set(key, value)
      return "OK"
    end,

    del = function(key, mark)
      local had = kv:has(key)
      kv:delete(key)
      return had
    end,

    cas = function(key, old, new, mark)
      if kv:get(key) ~= old then fail("conflict", "the value has changed") end
      kv:set(key, new)
      return "OK"
    end,

    incr = function(key, by, mark)
      local n = (kv:get(key) or 0) + (by or 1)
      kv:set(key, n)
      return n
    end,

    -- append adds to a list, of which the newest elements are kept.
    append = function(key, element, mark)
      local list = kv:get(key) or {}
      table.insert(list, element)
      if #list > kept then table.remove(list, 1) end
      kv:set(key, list)
      return #list
    end,

    -- What follows must leave no trace but where it says so.
    spin = function(mark)
      litter:set("spin", mark)
      while true do end
    end,

    swell = function(mark)
      litter:set("swell", mark)
      local all = {}
      for i = 1, 1e6 do all[i] = string.rep(tostring(i), 100) end
    end,

    stumble = function(mark)
      litter:set("stumble", mark)
      emit("litter", mark)
      timer.at(ctx.time(), "leave", mark, "never")
      local nothing
      return nothing.field
    end,

    -- shout leaves events and a random number.
    shout = function(words, mark)
      for i = 1, words do emit("words", { i, mark }) end
      litter:set("heard", math.random(1000))
      return ctx.index()
    end,

    -- later has a timer leave something, and takes back the one before.
    later = function(ms, mark)
      local was = litter:get("timer")
      if was then timer.cancel(was) end
      litter:set("timer", timer.at(ctx.time() + ms, "leave", "timer", nil))
      timer.at(ctx.time() + ms, "leave", "left", mark)
    end,

    leave = function(key, value)
      litter:set(key, value)
      if value == nil then fail("gone", "there is nothing to leave") end
    end,
  },

  queries = {
    get = function(key) return kv:get(key) end,
    len = function() return kv:len() end,
    spin = function() while true do end end,
  },

  migrate = function(from) life:set(life:get() + from) end,
  rollback = function(to) life:set(life:get() - to) end,

  invariant = function()
    for _, key in ipairs({ "spin", "swell", "stumble", "never" }) do
      if litter:has(key) then fail("trace", "a command that failed has left " .. key) end
    end
  end,
}

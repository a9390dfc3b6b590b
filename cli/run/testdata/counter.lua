-- counter: what the tests of run need: a failure, a timer, an event, an invariant that can break.

local n = state.value("n", 0)

return {
  name = "counter",
  version = 1,

  commands = {
    add = function(x) n:set(n:get() + x) return n:get() end,
    fail = function() n:set(-1) fail("no", "not \"now\" <b>") end,
    later = function(ms) timer.at(ms, "add", 10) timer.at(ms + 1, "tell") end,
    again = function() timer.at(0, "again") end,
    tell = function() emit("told", {at = ctx.time(), n = n:get()}) end,
    time = function() return ctx.time() end,
    values = function() return {1.5, "é", true, {}, {a = 1}, [[<&>]]} end,
    infinite = function() return {1 / 0} end,
    mixed = function() return {[1] = "x", ["1"] = "y"} end,
  },

  queries = { get = function() return n:get() end },
  invariant = function() assert(n:get() >= 0, "n is " .. n:get()) end,
}

local n = state.value("n", 0)

return {
  name = "counter", version = 1,
  commands = { add = function(by) n:set(n:get() + by) return n:get() end },
  queries = { get = function() return n:get() end },
  invariant = function() assert(n:get() < 50, "too much") end,
}

-- herald tells what it is told, with a number that counts up.

local count = state.value("count", 0)

return {
  name = "herald",
  version = 1,
  commands = {
    tell = function()
      local n = count:get() + 1
      count:set(n)
      emit("told", n)
      emit("other", n)
      return n
    end,
  },
}

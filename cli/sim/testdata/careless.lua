-- careless: a bank that looks both balances up before it writes the first.

local accounts = state.map("accounts")
local total = state.value("total", 0)

return {
  name = "careless",
  version = 1,

  commands = {
    open = function(name, amount)
      if accounts:has(name) then fail("exists", "there is an account " .. name) end
      accounts:set(name, amount)
      total:set(total:get() + amount)
    end,

    transfer = function(from, to, amount)
      local gives, takes = accounts:get(from), accounts:get(to)
      if not gives or not takes or gives < amount then fail("refused", "it cannot be done") end
      accounts:set(from, gives - amount)
      accounts:set(to, takes + amount)
    end,
  },

  queries = {
    balance = function(name) return accounts:get(name) end,
  },

  invariant = function()
    local sum = 0
    for _, held in accounts:pairs() do sum = sum + held end
    if sum ~= total:get() then fail("unbalanced", sum .. " is held, not " .. total:get()) end
  end,
}

-- bank: accounts. Money moves between them and never appears or vanishes.

local accounts = state.map("accounts")
local total = state.value("total", 0) -- of all that was paid in

local function amount_of(n)
  if type(n) ~= "number" or n <= 0 or n % 1 ~= 0 then
    fail("bad_amount", "an amount is a positive whole number")
  end
  return n
end

local function balance(name)
  local held = accounts:get(name)
  if held == nil then fail("no_account", "there is no account " .. tostring(name)) end
  return held
end

return {
  name = "bank",
  version = 1,

  commands = {
    open = function(name, amount)
      if accounts:has(name) then fail("exists", "there is an account " .. name) end
      accounts:set(name, amount_of(amount))
      total:set(total:get() + amount)
      return amount
    end,

    -- transfer takes before it checks: a command that fails leaves no trace.
    transfer = function(from, to, amount)
      accounts:set(from, balance(from) - amount_of(amount))
      accounts:set(to, balance(to) + amount)
      if balance(from) < 0 then fail("no_funds", from .. " has too little") end
      return balance(from)
    end,
  },

  queries = {
    balance = balance,
    total = function() return total:get() end,
  },

  invariant = function()
    local sum = 0
    for name, held in accounts:pairs() do
      if held < 0 then fail("negative", name .. " owes money") end
      sum = sum + held
    end
    if sum ~= total:get() then fail("unbalanced", sum .. " is held, not " .. total:get()) end
  end,
}

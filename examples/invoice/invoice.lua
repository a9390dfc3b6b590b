-- invoice: invoices that are written, paid in parts and closed. A machine of two files: --script
-- invoice.lua takes money.lua along, and the log holds both.

local money = require "money"

local open = state.map("open") -- from number to cents that are still to be paid
local paid = state.value("paid", 0)

return {
  name = "invoice",
  version = 1,

  commands = {
    bill = function(number, amount)
      if open:has(number) then fail("exists", "invoice " .. number .. " is open") end
      local cents = money.cents(amount)
      if cents == 0 then fail("bad_amount", "there is nothing to pay") end
      open:set(number, cents)
    end,

    pay = function(number, amount)
      local due, cents = open:get(number), money.cents(amount)
      if not due then fail("not_found", "no open invoice " .. number) end
      if cents > due then fail("too_much", "only " .. money.text(due) .. " is due") end
      paid:set(paid:get() + cents)
      open:set(number, cents < due and due - cents or nil)
      return money.text(due - cents)
    end,
  },

  queries = {
    due = function(number) return open:has(number) and money.text(open:get(number)) or nil end,
    paid = function() return money.text(paid:get()) end,
  },

  invariant = function()
    for number, cents in open:pairs() do assert(cents > 0, number) end
  end,
}

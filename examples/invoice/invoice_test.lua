-- invoice: what is billed is paid once, to the cent.

local money = require "money"

return {
  tests = {
    ["an invoice is paid in parts"] = function(t)
      t.call("bill", "a1", "12.30")
      t.equal(t.call("pay", "a1", "0.10"), "12.20")
      t.equal(t.query("due", "a1"), "12.20")
      t.restore()
      t.equal(t.call("pay", "a1", "12.20"), "0.00")
      t.equal(t.query("due", "a1"), nil)
      t.equal(t.query("paid"), "12.30")
    end,

    ["nobody pays too much, or what is not open"] = function(t)
      t.call("bill", "a1", 5)
      t.equal(t.fails("too_much", "pay", "a1", "5.01"), "only 5.00 is due")
      t.fails("not_found", "pay", "a2", "1")
      t.equal(t.query("paid"), "0.00")
    end,

    ["a number is billed once at a time"] = function(t)
      t.call("bill", "a1", "1.00")
      t.fails("exists", "bill", "a1", "1.00")
      t.call("pay", "a1", "1")
      t.call("bill", "a1", "2")
    end,

    ["an amount has two digits behind the point, or none"] = function(t)
      t.call("bill", "a1", "0.01")
      for _, amount in ipairs { "1.5", "-1", "1,00", "", "1e3", "1234567890123" } do
        t.fails("bad_amount", "bill", "a2", amount)
      end
    end,

    ["nothing is billed for nothing"] = function(t)
      t.fails("bad_amount", "bill", "a1", "0.00")
      t.fails("bad_amount", "bill", "a1", 0)
    end,

    ["money is read and written as whole cents"] = function(t)
      for _, text in ipairs { "0.00", "0.10", "12.30", "999999999999.99" } do
        t.equal(money.text(money.cents(text)), text)
      end
    end,
  },

  workload = function(random)
    local number, amount = "a" .. random(4), random { "0.00", "0.50", "1", "1.50", 2 }
    return random { { "bill", number, amount }, { "pay", number, amount } }
  end,
}

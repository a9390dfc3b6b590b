-- bank: money moves and neither appears nor vanishes.

local names = { "ann", "bo", "cy", "dee" }

return {
  tests = {
    ["a transfer moves money"] = function(t)
      t.call("open", "ann", 100)
      t.call("open", "bo", 20)
      t.equal(t.call("transfer", "ann", "bo", 30), 70)
      t.equal(t.query("balance", "bo"), 50)
      t.equal(t.query("total"), 120)
    end,

    ["a transfer that fails leaves no trace"] = function(t)
      t.call("open", "ann", 10)
      t.call("open", "bo", 1)
      t.fails("no_funds", "transfer", "ann", "bo", 11)
      t.fails("no_account", "transfer", "ann", "nobody", 1)
      t.fails("no_account", "transfer", "nobody", "ann", 1)
      t.equal(t.query("balance", "ann"), 10)
    end,

    ["a transfer to oneself changes nothing"] = function(t)
      t.call("open", "ann", 10)
      t.equal(t.call("transfer", "ann", "ann", 4), 10)
    end,

    ["an account is opened once"] = function(t)
      t.call("open", "ann", 1)
      t.equal(t.fails("exists", "open", "ann", 1), "there is an account ann")
      t.fails("no_account", "balance", "bo")
    end,

    ["an amount is a positive whole number"] = function(t)
      t.call("open", "ann", 5)
      for _, amount in ipairs { 0, -1, 0.5, "1", false } do
        t.fails("bad_amount", "open", "bo", amount)
        t.fails("bad_amount", "transfer", "ann", "ann", amount)
      end
    end,
  },

  workload = function(random)
    if random(10) == 1 then return { "open", random(names), random(100) } end
    return { "transfer", random(names), random(names), random(60) }
  end,
}

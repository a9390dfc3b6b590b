-- queue: every job is done once, the oldest first, however many workers fail.

return {
  tests = {
    ["jobs are taken in order, each by one worker"] = function(t)
      t.equal(t.call("push", "mail"), 1)
      t.equal(t.call("push", { pages = 3 }), 2)
      t.equal(t.call("take", "w1"), { number = 1, payload = "mail" })
      t.equal(t.call("take", "w2"), { number = 2, payload = { pages = 3 } })
      t.equal(t.call("take", "w3"), nil)
      t.equal(t.query("len"), 2)
    end,

    ["a job that is done is gone"] = function(t)
      t.call("push", "mail")
      t.call("take", "w1")
      t.call("done", 1, "w1")
      t.equal(t.query("len"), 0)
      t.fails("not_yours", "done", 1, "w1")
      t.equal(t.call("push", "next"), 2, "numbers are not used again")
    end,

    ["only the worker that has a job can say that it is done"] = function(t)
      t.call("push", "mail")
      t.fails("not_yours", "done", 1, "w1")
      t.call("take", "w1")
      t.fails("not_yours", "done", 1, "w2")
      t.fails("bad_arguments", "take", nil)
    end,

    ["a job that is not confirmed in time goes to the next"] = function(t)
      t.call("push", "mail")
      t.call("take", "w1")
      t.advance(29999)
      t.equal(t.call("take", "w2"), nil)
      t.restore()
      t.advance(1)
      t.equal(t.call("take", "w2"), { number = 1, payload = "mail" })
      t.fails("not_yours", "done", 1, "w1")
      t.call("done", 1, "w2")
    end,
  },

  workload = function(random)
    local worker = "w" .. random(3)
    return random {
      { "push", random(1000) }, { "take", worker }, { "take", worker }, { "done", random(50), worker },
    }
  end,
}

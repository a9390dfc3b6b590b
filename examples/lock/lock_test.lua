-- lock: one owner at a time, for as long as it asked for, by the clock of the log.

return {
  tests = {
    ["a lock has one owner"] = function(t)
      t.equal(t.call("acquire", "printer", "ann", 500), 1)
      t.equal(t.fails("held", "acquire", "printer", "bo", 500), "held by ann")
      t.equal(t.call("acquire", "scanner", "bo", 500), 2)
      t.equal(t.query("owner", "printer"), "ann")
      t.fails("bad_arguments", "acquire", "plotter", nil, 500)
    end,

    ["it expires when its time is over, not before"] = function(t)
      t.call("acquire", "printer", "ann", 500)
      t.advance(499)
      t.fails("held", "acquire", "printer", "bo", 500)
      t.advance(1)
      t.equal(t.call("acquire", "printer", "bo", 500), 2, "the fence grows with each owner")
    end,

    ["its owner can prolong it, under the same fence"] = function(t)
      t.call("acquire", "printer", "ann", 500)
      t.advance(400)
      t.equal(t.call("acquire", "printer", "ann", 500), 1)
      t.restore()
      t.advance(499)
      t.fails("held", "acquire", "printer", "bo", 1)
    end,

    ["only its owner can release it, while it is held"] = function(t)
      t.call("acquire", "printer", "ann", 500)
      t.fails("not_held", "release", "printer", "bo")
      t.call("release", "printer", "ann")
      t.equal(t.query("owner", "printer"), nil)
      t.fails("not_held", "release", "printer", "ann")
      t.call("acquire", "printer", "ann", 500)
      t.advance(500)
      t.fails("not_held", "release", "printer", "ann")
    end,
  },

  workload = function(random)
    local name, owner = random { "printer", "scanner" }, random { "ann", "bo", "cy" }
    if random(3) == 1 then return { "release", name, owner } end
    return { "acquire", name, owner, random(100000) }
  end,
}

return {
  tests = {
    ["it adds"] = function(t) t.equal(t.call("add", 2), 2) end,
    ["it adds too much"] = function(t)
      print { 1, 2 }
      t.equal(t.call("add", 2), 3)
    end,
  },
  workload = function(random) return { "add", 10 } end,
}

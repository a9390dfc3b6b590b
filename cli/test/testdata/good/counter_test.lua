return {
  tests = {
    ["it adds"] = function(t)
      t.equal(t.call("add", 2), 2)
    end,
    ["it begins with nothing"] = function(t)
      print("before", t.query("get"))
      t.equal(t.query("get"), 0)
    end,
  },
  workload = function(random) return { "add", random(-3, 2) } end,
}

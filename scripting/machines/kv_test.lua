-- kv: what its commands promise, and a workload on a few keys.

local function key(random) return random { "a", "b", "c", 1, 2 } end

return {
  tests = {
    ["a value comes back"] = function(t)
      t.equal(t.call("put", "x", "1"), "OK")
      t.call("put", "list", { 1, { deep = true } })
      t.equal(t.query("get", "x"), "1")
      t.equal(t.query("get", "list"), { 1, { deep = true } })
      t.equal(t.query("get", "y"), nil)
    end,

    ["del tells whether there was something"] = function(t)
      t.call("put", "x", false)
      t.equal(t.query("has", "x"), true)
      t.equal(t.call("del", "x"), true)
      t.equal(t.call("del", "x"), false)
      t.equal(t.query("has", "x"), false)
    end,

    ["put wants a value"] = function(t)
      t.fails("bad_arguments", "put", "x")
      t.fails("bad_arguments", "put", "x", 1, 2)
      t.fails("error", "put", {}, 1)
      t.equal(t.query("len"), 0)
    end,

    ["put_all puts everything"] = function(t)
      t.call("put", "x", 0)
      t.equal(t.call("put_all", { x = "1", y = { 2 }, [3] = false }), "OK")
      t.equal(t.query("range"), { { 3, false }, { "x", "1" }, { "y", { 2 } } })
      t.equal(t.call("put_all", { "one", "two" }), "OK")
      t.equal(t.query("range", 1, 3), { { 1, "one" }, { 2, "two" } })
      t.call("put_all", {})
      t.equal(t.query("len"), 5)
    end,

    ["put_all puts everything or nothing"] = function(t)
      t.fails("bad_arguments", "put_all")
      t.fails("error", "put_all", "x")
      t.fails("bad_arguments", "put_all", { 1 }, 2)
      t.equal(t.query("len"), 0)
    end,

    ["cas writes only over the value that it is given"] = function(t)
      t.call("cas", "x", nil, "1")
      t.call("cas", "x", "1", "2")
      t.fails("conflict", "cas", "x", "1", "3")
      t.fails("conflict", "cas", "x", nil, "3")
      t.equal(t.query("get", "x"), "2")
      t.call("cas", "x", "2", nil)
      t.equal(t.query("has", "x"), false)
    end,

    ["incr counts from zero, and numbers only"] = function(t)
      t.equal(t.call("incr", "n"), 1)
      t.equal(t.call("incr", "n", 41), 42)
      t.equal(t.call("incr", "n", -0.5), 41.5)
      t.call("put", "s", "text")
      t.fails("not_a_number", "incr", "s")
    end,

    ["keys are in order, integers before strings"] = function(t)
      for _, k in ipairs { "b", 10, "a", 9, "aa", "1", -1 } do t.call("put", k, true) end
      t.equal(t.query("keys"), { -1, 9, 10, "1", "a", "aa", "b" })
      t.equal(t.query("keys", 9, "aa"), { 9, 10, "1", "a" })
      t.equal(t.query("range", "a", nil, 2), { { "a", true }, { "aa", true } })
      t.equal(t.query("len"), 7)
    end,

    ["a snapshot holds everything"] = function(t)
      t.call("put", "x", { 1, 2.5, "three" })
      t.restore()
      t.equal(t.query("get", "x"), { 1, 2.5, "three" })
    end,
  },

  workload = function(random)
    local k = key(random)
    local items = { [key(random)] = random(3), [key(random)] = "all" }
    return random {
      { "put", k, random(3) }, { "put", k, random { "x", "y", true } }, { "del", k },
      { "cas", k, random(3), random(3) }, { "incr", k, random(-2, 2) },
      { "put_all", items },
    }
  end,
}

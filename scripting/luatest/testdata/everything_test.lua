return {
  workload = function(random, now)
    local function value(depth)
      local kind = random(depth > 0 and 8 or 6)
      if kind == 1 then return random() * 1000
      elseif kind == 2 then return random(-2^53, 2^53)
      elseif kind == 3 then return random { true, false }
      elseif kind < 7 then return "s" .. random(20) end
      return { value(depth - 1), value(depth - 1), [random { "x", "y", 7 }] = value(depth - 1),
        [random { "z", "a", -1 }] = value(depth - 1) }
    end
    local k = random(2) == 1 and random(8) or "k" .. random(8)
    local id = (now - random(0, 100)) .. "-" .. random(50) .. "-0"
    local rare = random(20) == 1 and { random { "spin", "deep", "large" }, k }
    return rare or random {
      { "set", k, value(3) }, { "set", k, value(2) }, { "set", k, value(1) }, { "del", k },
      { "half", k, value(1) }, { "try", k, value(2) }, { "sweep" }, { "later", random(0, 5000), k, value(2) },
      { "never", random(100) }, { "cancel", id }, { "order", { value(2), x = 1, y = value(1) } },
      { "kept", k }, { "text", value(3) },
    }
  end,
}

-- reminder: what is due comes back once, in time, unless it was forgotten.

return {
  tests = {
    ["a reminder comes when it is due"] = function(t)
      t.call("remind", "tea", t.time() + 4000, "take out the bag")
      t.equal(t.advance(3999), 0)
      t.equal(t.events(), {})
      t.equal(t.advance(1), 1)
      t.equal(t.events("due"), { { "due", { name = "tea", text = "take out the bag", late = 0 } } })
      t.equal(t.query("pending"), {})
    end,

    ["they come in the order of their times"] = function(t)
      for i, name in ipairs { "late", "early", "soon" } do
        t.call("remind", name, t.time() + ({ 300, 100, 200 })[i], name)
      end
      t.restore()
      t.equal(t.query("pending"), { "early", "late", "soon" })
      t.equal(t.advance(1000), 3)
      local order = {}
      for i, event in ipairs(t.events("due")) do order[i] = event[2].name end
      t.equal(order, { "early", "soon", "late" })
    end,

    ["the newer of two by one name counts"] = function(t)
      t.call("remind", "tea", t.time() + 4000, "weak")
      t.call("remind", "tea", t.time() + 3000, "strong")
      t.equal(t.advance(5000), 1)
      t.equal(t.events()[1][2].text, "strong")
    end,

    ["what is forgotten does not come"] = function(t)
      t.call("remind", "cake", t.time() + 1000, "burnt")
      t.call("forget", "cake")
      t.equal(t.fails("not_found", "forget", "cake"), "no reminder 'cake'")
      t.equal(t.advance(2000), 0)
      t.equal(t.events(), {})
    end,

    ["nobody can hurry it"] = function(t)
      t.call("remind", "train", t.time() + 1000, "platform 4")
      t.fails("early", "due", "train")
      t.fails("early", "due", "nothing")
      t.equal(t.query("pending"), { "train" })
    end,
  },

  workload = function(random, now)
    local name = random { "tea", "train", "cake" }
    return random {
      { "remind", name, now + random(-10, 20000), "text " .. random(9) },
      { "forget", name }, { "due", name },
    }
  end,
}

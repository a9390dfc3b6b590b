-- everything: a machine whose commands do all that a machine can do, failing included.

local kv, log, n = state.map("kv"), state.map("log"), state.value("n", 0)

local function note(what)
  n:set(n:get() + 1)
  log:set(n:get(), { what = what, at = ctx.time(), index = ctx.index(), drawn = math.random(1000) })
  while log:len() > 30 do log:delete((log:first())) end
end

return {
  name = "everything", version = 1, limits = { steps = 20000, bytes = 1024 * 1024 },

  commands = {
    set = function(k, v) kv:set(k, v) note(k) emit("set", v) return kv:len() end,
    del = function(k) note(k) kv:delete(k) return math.random() end,
    half = function(k, v) kv:set(k, v) note(k) emit("half", k) timer.at(1, "del", k) fail("half", "undone") end,

    try = function(k, v)
      local ok, err = pcall(function()
        kv:set(k, v) note(k) emit("try", k) timer.at(ctx.time(), "set", k, v)
        for x in kv:pairs() do kv:delete(x) end
        error({ k })
      end)
      kv:set("tried", ok)
      return err
    end,

    sweep = function()
      local seen = {}
      for k, v in kv:pairs() do
        seen[#seen + 1] = k
        if math.random(2) == 1 then kv:delete(k) else kv:set(k, seen) end
        kv:set(#seen, tostring(v))
      end
      return seen
    end,

    later = function(ms, k, v) return timer.at(ctx.time() + ms, "set", k, v) end,
    never = function(ms) return timer.at(ctx.time() + ms, "half", "never", ms) end,
    cancel = function(id) return timer.cancel(id) end,
    spin = function(k) kv:set(k, 1) while true do end end,
    deep = function(k) kv:set(k, 1) local function f() return 1 + f() end return f() end,
    large = function(k) local s = k for i = 1, 30 do s = s .. s end kv:set(k, s) end,
    order = function(t) local keys = {} for k in pairs(t) do keys[#keys + 1] = tostring(k) end return keys end,
    kept = function(k) local keys = {} for f in pairs(kv:get(k)) do keys[#keys + 1] = f end return keys end,
    text = function(v) return json.encode(v) .. msgpack.pack(v) end,
  },

  queries = { all = function() return { kv:range(), log:keys(), n:get() } end },

  invariant = function() assert(log:len() <= 30) end,
}

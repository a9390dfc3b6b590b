-- lock: named locks with a time to live. The clock is the log's: every replica sees the same time,
-- and it never goes back. The fence of a lock grows with each owner; give it to what the lock
-- protects, so that a late owner is turned away there.

local locks = state.map("locks")
local fences = state.value("fences", 0)

local function held(name)
  local lock = locks:get(name)
  if lock and lock.expires > ctx.time() then return lock end
end

return {
  name = "lock",
  version = 1,

  commands = {
    acquire = function(name, owner, ttl_ms)
      if type(owner) ~= "string" then fail("bad_arguments", "an owner is a string") end
      local lock = held(name)
      if lock and lock.owner ~= owner then fail("held", "held by " .. lock.owner) end
      if not lock then
        fences:set(fences:get() + 1)
        lock = { owner = owner, fence = fences:get() }
      end
      lock.expires = ctx.time() + ttl_ms
      locks:set(name, lock)
      return lock.fence
    end,

    release = function(name, owner)
      local lock = held(name)
      if not lock or lock.owner ~= owner then fail("not_held", "not held by " .. owner) end
      locks:delete(name)
    end,
  },

  queries = {
    owner = function(name)
      local lock = locks:get(name)
      return lock and lock.owner
    end,
  },

  invariant = function()
    local seen = {}
    for name, lock in locks:pairs() do
      assert(lock.owner and lock.fence <= fences:get() and not seen[lock.fence], name)
      seen[lock.fence] = true
    end
  end,
}

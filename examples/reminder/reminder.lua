-- reminder: texts that come back when they are due. Each reminder is a timer of the machine: it
-- fires through the log, whichever node leads by then, and what it does is a command like any other.
-- Whoever wants to be reminded follows the topic "due".

local pending = state.map("pending")

return {
  name = "reminder",
  version = 1,

  commands = {
    remind = function(name, ms, text)
      local old = pending:get(name)
      if old then timer.cancel(old.timer) end
      pending:set(name, { at = ms, text = text, timer = timer.at(ms, "due", name) })
    end,

    forget = function(name)
      local reminder = pending:get(name)
      if not reminder then fail("not_found", "no reminder '" .. name .. "'") end
      timer.cancel(reminder.timer)
      pending:delete(name)
    end,

    -- Made by the timers. Nothing keeps others from calling it: it does nothing too early.
    due = function(name)
      local reminder = pending:get(name)
      if not reminder or ctx.time() < reminder.at then fail("early", name .. " is not due") end
      emit("due", { name = name, text = reminder.text, late = ctx.time() - reminder.at })
      pending:delete(name)
    end,
  },

  queries = {
    pending = function() return pending:keys() end,
  },

  invariant = function()
    for name, reminder in pending:pairs() do assert(reminder.timer, name) end
  end,
}

-- queue: jobs in order. A worker takes the oldest job and confirms it when it is done; a job that is
-- not confirmed in time goes to the next worker who asks.

local jobs = state.map("jobs") -- from number to {payload, worker, since}
local last = state.value("last", 0)

local patience_ms = 30000

return {
  name = "queue",
  version = 1,

  commands = {
    push = function(payload)
      last:set(last:get() + 1)
      jobs:set(last:get(), { payload = payload })
      return last:get()
    end,

    take = function(worker)
      if type(worker) ~= "string" then fail("bad_arguments", "a worker is a string") end
      for number, job in jobs:pairs() do
        if not job.worker or job.since + patience_ms <= ctx.time() then
          job.worker, job.since = worker, ctx.time()
          jobs:set(number, job)
          return { number = number, payload = job.payload }
        end
      end
    end,

    done = function(number, worker)
      local job = jobs:get(number)
      if not job or job.worker ~= worker then fail("not_yours", "job is not with " .. worker) end
      jobs:delete(number)
    end,
  },

  queries = {
    len = function() return jobs:len() end,
  },

  invariant = function()
    for number, job in jobs:pairs() do
      assert(number <= last:get(), "job " .. number .. " was never pushed")
      assert(not job.worker == not job.since, "job " .. number .. " is with nobody, or since never")
    end
  end,
}

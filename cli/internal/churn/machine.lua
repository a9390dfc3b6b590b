-- churn: every client numbers its writes from 1 on and waits for each. A number that does not follow
-- the one before it is noted: as a gap, or as one that came late or once more.

local newest = state.map("newest") -- client -> number
local gaps = state.map("gaps")     -- number:client -> the first that is missing before it
local late = state.map("late")     -- number:client -> how often it came behind a newer one
local kept = state.map("kept")     -- what is written, so that there is something to send to a joiner

return {
  name = "churn",
  version = 1,
  commands = {
    put = function(client, number, key, value)
      local before = newest:get(client) or 0
      local name = number .. ":" .. client
      if number <= before then
        late:set(name, (late:get(name) or 0) + 1)
      else
        if number > before + 1 then gaps:set(name, before + 1) end
        newest:set(client, number)
      end
      kept:set(key, value)
    end,
  },
  queries = {
    newest = function(limit) return newest:range(nil, nil, limit) end,
    gaps = function(limit) return gaps:range(nil, nil, limit) end,
    late = function(limit) return late:range(nil, nil, limit) end,
  },
}

-- careless: what its clients ask.

local names = { "ann", "bo", "cy", "dee" }

return {
  workload = function(random)
    if random(3) == 1 then return { "open", random(names), random(20) } end
    return { "transfer", random(names), random(names), random(20) }
  end,
}

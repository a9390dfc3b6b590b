local unused = state.map("unused")
return { name = "warned", version = 1, commands = { f = function() end } }

return { tests = { x = function(t) end } }

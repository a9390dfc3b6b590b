return ("a"):rep(10000):find(("a*"):rep(20) .. "b")
-- fails: limit: chunk.lua:1: more than 200000 steps
----
return ("a"):rep(10000):match((".-"):rep(50) .. "b")
-- fails: limit: chunk.lua:1: more than 200000 steps
----
return ("a"):rep(1000):find(("a?"):rep(300) .. ("a"):rep(300))
-- fails: error: chunk.lua:1: pattern too complex
----
return ("("):rep(2^19):find("%b()")
-- fails: limit: chunk.lua:1: more than 200000 steps
----
return ("x"):find(("("):rep(33))
-- fails: error: chunk.lua:1: malformed pattern (too many captures)
----
return ("x"):find("(x")
-- fails: error: chunk.lua:1: malformed pattern (unfinished capture)
----
return ("xy"):find("x.)")
-- fails: error: chunk.lua:1: malformed pattern (unexpected ')')
----
return ("x"):find("%1")
-- fails: error: chunk.lua:1: malformed pattern (invalid capture index)
----
return ("xx"):find("(%1x)")
-- fails: error: chunk.lua:1: malformed pattern (invalid capture index)
----
return ("x"):find("[x")
-- fails: error: chunk.lua:1: malformed pattern (missing ']')
----
return ("x"):find("[]")
-- fails: error: chunk.lua:1: malformed pattern (missing ']')
----
return ("x"):find("[%")
-- fails: error: chunk.lua:1: malformed pattern (missing ']')
----
return ("x"):find("%")
-- fails: error: chunk.lua:1: malformed pattern (ends with '%')
----
return ("x"):find("%b")
-- fails: error: chunk.lua:1: malformed pattern (missing arguments to '%b')
----
return ("x"):find("%f")
-- fails: error: chunk.lua:1: malformed pattern (missing '[' after '%f')
----
return ("x"):find(("x"):rep(1025) .. ".")
-- fails: error: chunk.lua:1: a pattern of more than 1024 bytes
----
return ("x"):rep(2^20):find("[" .. ("a"):rep(1000) .. "]")
-- fails: limit: chunk.lua:1: more than 200000 steps
----
return (("abc"):gsub("b", "%9"))
-- fails: error: chunk.lua:1: malformed pattern (invalid capture index)
----
return (("abc"):gsub("b", function() error("within") end))
-- fails: error: chunk.lua:1: within
----
return (("abc"):gsub("b", function() return {} end))
-- fails: error: chunk.lua:1: invalid replacement value (a table)
----
return (("abc"):gsub("", "-"))
-- want: "-a-b-c-"
----
return (("abc"):gsub("b", true))
-- fails: error: chunk.lua:1: ... string, function or table expected
----
return (("abc"):gsub(".", setmetatable({}, {__index = function(t, k) error("asked for " .. k) end})))
-- fails: error: chunk.lua:1: asked for a
----
return ("abc"):gsub("%w", "%%%0", -5)
-- want: "abc"
----
return ("%99999d"):format(1)
-- fails: error: chunk.lua:1: invalid format: width or precision of more than two digits
----
return ("%.999f"):format(1)
-- fails: error: chunk.lua:1: invalid format: width or precision of more than two digits
----
return #("%99.99f"):format(1e300)
-- want: 401
----
return ("%------------d"):format(1)
-- fails: error: chunk.lua:1: invalid format
----
return ("%"):format(1)
-- fails: error: chunk.lua:1: invalid format
----
return ("%y"):format(1)
-- fails: error: chunk.lua:1: invalid format: '%y'
----
return ("%d"):format(0/0)
-- fails: error: chunk.lua:1: ... number has no integer representation
----
return ("%d"):format(1e300)
-- fails: error: chunk.lua:1: ... number has no integer representation
----
return ("%c%c"):format(-1, 1e18)
-- want: "\ufffd\ufffd"
----
return ("%s"):format(setmetatable({}, {__tostring = function() return {} end}))
-- fails: error: chunk.lua:1: 'tostring' must return a string
----
return ("%p"):format({})
-- fails: error: chunk.lua:1: invalid format: '%p'
----
return ("%s %s %s"):format({}, print == nil, tostring)
-- refused: 1: print is not available
----
return ("%s %s"):format({}, tostring)
-- want: "table function"
----
return select(-1, 1, 2, 3)
-- want: 3
----
return select(-4, 1, 2, 3)
-- fails: error: chunk.lua:1: ... index out of range
----
return select(0, 1)
-- fails: error: chunk.lua:1: ... index out of range
----
return {select(1e9, 1)}
-- want: []
----
return select("x", 1)
-- fails: error: chunk.lua:1: ... number expected, got string
----
return ("x"):sub(-1e300, 1e300)
-- want: "x"
----
return ("x"):byte(-1e9, 1e9)
-- want: 120
----
return tonumber("z", 99)
-- fails: error: chunk.lua:1: ... base out of range
----
return {"010" + 0, "0x10" * 1, -"5", "7" % "4", "1e1" - 1, 10 / "4"}
-- want: [10,16,-5,3,9,2.5]
----
return "one" + 1
-- fails: error: chunk.lua:1: attempt to perform arithmetic on a string value
----
return {} + "1"
-- fails: error: chunk.lua:1: attempt to perform arithmetic on a table value
----
return "1" + setmetatable({}, {__add = function(a, b) return "mine" end})
-- want: "mine"
----
return "x" < 1
-- fails: error: chunk.lua:1: attempt to compare string with number

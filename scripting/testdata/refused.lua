return {
  name = "x" "y",
}
-- refused: 2: near 'y'
----
local x =
return {}
-- refused: 2: syntax error near 'return'
----
x = 1
-- no table at all
return {}, {
-- refused: 5: syntax error near 'end'
----
local t = 5
return { name = "x" }
-- refused: 2: has no version
----
return { name = "x", version = 1 }
-- refused: 1: has no commands; add commands = {name = function(...) ... end}
----
return { name = "x", version = 1, commands = {} }
-- refused: 1: has no commands
----
return { version = 1, commands = {f = function() end} }
-- refused: 1: has no name
----
return { name = "a b", version = 1, commands = {f = function() end} }
-- refused: 1: name must be letters, digits
----
return { name = "x", version = 1.5, commands = {f = function() end} }
-- refused: 1: version must be an integer from 1 on
----
return { name = "x", version = "1", commands = {f = function() end} }
-- refused: 1: version must be an integer
----
return { name = "x", version = 1, commands = {f = 3} }
-- refused: 1: commands.f is a number; it must be a function of the script
----
return { name = "x", version = 1, commands = {f = tostring} }
-- refused: 1: commands.f is a built-in function
----
return { name = "x", version = 1, commands = {function() end} }
-- refused: 1: commands has a field '1'
----
return { name = "x", version = 1, commands = {f = function() end}, query = {} }
-- refused: 1: has a field 'query'; there are name, version, commands, queries, limits, invariant, migrate and rollback
----
return { name = "x", version = 1, commands = {f = function() end}, queries = 1 }
-- refused: 1: queries is a number; it must be a table of functions
----
return { name = "x", version = 1, commands = {f = function() end}, invariant = true }
-- refused: 1: invariant is a boolean
----
local a = state.map("a")

local b = state.map("a")
return { name = "x", version = 1, commands = {f = function() end} }
-- refused: 3: the collection 'a' is declared twice
----
local a = state.map("no blanks")
return { name = "x", version = 1, commands = {f = function() end} }
-- refused: 1: state.map: the name must be
----
local a = state.map("a")
a:set("x", 1)
return { name = "x", version = 1, commands = {f = function() end} }
-- refused: 2: collections are empty while the script loads
----
local function f()
  count = 1
end
return { name = "x", version = 1, commands = {f = f} }
-- refused: 2: assignment to the global variable 'count' in a function; use 'local'
----
local count = 0
return { name = "x", version = 1, commands = {f = function()
  local n = count
  count = n + 1
end} }
-- refused: 4: assignment to 'count', a variable from outside the function
----
local count = 0
return { name = "x", version = 1, commands = {f = function()
  local function inner()
    count = 1
  end
  inner()
end} }
-- refused: 4: assignment to 'count'
----
return { name = "x", version = 1, commands = {f = function()
  return os.time()
end} }
-- refused: 2: os.time is not available: ctx.time() is the time of the command, in milliseconds
----
return { name = "x", version = 1, commands = {f = function() local o = os end} }
-- refused: 1: os is not available
----
return { name = "x", version = 1, commands = {f = function()
  print("x")
end} }
-- refused: 2: print is not available: return what is to be seen, or emit it
----
local s = require("other")
return { name = "x", version = 1, commands = {f = function() end} }
-- refused: 1: there is no module 'other'; it would be the file other.lua beside the script
----
local name = "other"
local s = require(name)
return { name = "x", version = 1, commands = {f = function() end} }
-- refused: 2: require takes one name in quotes
----
local s = require "../other"
return { name = "x", version = 1, commands = {f = function() end} }
-- refused: 1: require takes one name in quotes
----
local include = require
return { name = "x", version = 1, commands = {f = function() end} }
-- refused: 1: require can only be called, as in local x = require "x"
----
return { name = "x", version = 1, commands = {f = function() return math.sin(1) end} }
-- refused: 1: math.sin is not available: its last digits differ between processors
----
return { name = "x", version = 1, commands = {f = function() return string.dump(1) end} }
-- refused: 1: string.dump is not available
----
return { name = "x", version = 1, commands = {f = function() return coroutine.wrap(1) end} }
-- refused: 1: coroutine is not available: a command runs alone and to its end
----
return { name = "x", version = 1, commands = {f = function()

  return valeu
end} }
-- refused: 3: undefined variable 'valeu'; define it with 'local'
----
return { name = "x", version = 1, commands = {f = function()
  for i = 1, 3 do goto next end
end} }
-- refused: 2: goto is not in Lua 5.1
----
local m = math
local x = m.sin(1)
return { name = "x", version = 1, commands = {f = function() end} }
-- refused: 2: math.sin is not available: its last digits differ
----
while true do end
return { name = "x", version = 1, commands = {f = function() end} }
-- refused: 1: more than 2000000 steps
----
return { name = "x", version = 1, commands = {f = function() end}, note = ctx.time() }
-- refused: 1: ctx.time may be used in commands only
----
error("my own reasons")
return { name = "x", version = 1, commands = {f = function() end} }
-- refused: 1: my own reasons
----
fail("nope", "in this place")
return { name = "x", version = 1, commands = {f = function() end} }
-- refused: 0: an error that is a table
----
local v = state.value("v", function() end)
return { name = "x", version = 1, commands = {f = function() end} }
-- refused: 1: this value cannot be stored: a function cannot be stored or returned

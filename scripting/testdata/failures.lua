fail("conflict", "it has changed")
-- fails: conflict: it has changed
----
kv:set("a", 1)
fail("conflict")
-- fails: conflict: 
----
-- fail is caught by pcall, and what happened before it is undone
kv:set("a", 1)
local ok, err = pcall(function() kv:set("a", 2) kv:set("b", 3) fail("no", "way") end)
return {ok, err.code, err.message, kv:get("a"), kv:has("b"), kv:len()}
-- want: [false,"no","way",1,false,1]
----
-- it can be raised again
local ok, err = pcall(fail, "again", "and again")
error(err)
-- fails: again: and again
----
-- rollback of deletes, nested
kv:set("a", 1) kv:set("b", 2)
pcall(function()
  kv:delete("a")
  pcall(function() kv:delete("b") kv:set("c", 1) error("x") end)
  kv:set("d", 4)
end)
return kv:keys()
-- want: ["b","d"]
----
fail("Bad Code", "x")
-- fails: error: chunk.lua:1: fail: the code must be a name like not_found
----
fail("error", "x")
-- fails: error: chunk.lua:1: fail: the code must be
----
fail(nil, "x")
-- fails: error: chunk.lua:1: fail: the code
----
kv:set("a", 1)
local x = nil
return x.y
-- fails: error: chunk.lua:3: attempt to index a non-table object(nil) with key 'y'
----
error("with position")
-- fails: error: chunk.lua:1: with position
----
error("without", 0)
-- fails: error: without
----
local function check(x)
  error("the caller's fault", 2)
end

check(1)
-- fails: error: chunk.lua:5: the caller's fault
----
error({1, 2})
-- fails: error: an error that is a table
----
error()
-- fails: error: an error that is a nil
----
local t = {}
t[{}] = 1
return ("x"):rep(3) .. t
-- fails: error: chunk.lua:3: attempt to concatenate a table value
----
local t = {} return t .. "x"
-- fails: error: chunk.lua:1: attempt to concatenate a table value
----
return 1 + {}
-- fails: error: chunk.lua:1: cannot perform add operation between number and table
----
-- no address in a message
local x = nil
local ok, err = pcall(function() return x[{}] end)
return err
-- want: "chunk.lua:3: attempt to index a non-table object(nil) with key 'table'"
----
while true do end
-- fails: limit: chunk.lua:1: more than 2000000 steps
----
-- the limit cannot be caught
kv:set("x", 1)
while true do pcall(function() while true do end end) end
-- fails: limit: chunk.lua:3: more than 2000000 steps
----
local function f() return f() end
return f()
-- fails: limit: ... more than 2000000 steps
----
local function f() return 1 + f() end
return f()
-- fails: limit: chunk.lua:1: stack overflow
----
local function f() return 1 + f() end
local ok = pcall(f)
return "survived"
-- fails: limit: ... too many calls within calls
----
local t = setmetatable({}, {})
getmetatable(t).__index = function(t, k) return t[k + 1] end
return t[1]
-- fails: limit: ... stack overflow
----
local s = "x"
for i = 1, 40 do s = s .. s end
-- fails: limit: chunk.lua:2: a string of more than 1 MiB
----
local t, s = {}, ("x"):rep(1000000)
for i = 1, 100 do t[i] = s .. i end
-- fails: limit: chunk.lua:2: more than 64 MiB of memory
----
return ("x"):rep(1e9)
-- fails: limit: chunk.lua:1: a string of more than 1 MiB
----
return string.find(("a"):rep(10000), ("a*"):rep(20) .. "b")
-- fails: limit: chunk.lua:1: more than 2000000 steps
----
return string.rep("x", 10, 10) .. string.foo("x")
-- fails: error: chunk.lua:1: there is no function string.foo
----
return kv:nothing()
-- fails: error: chunk.lua:1: there is no method 'nothing'
----
return kv.get("x")
-- fails: error: chunk.lua:1: call methods with a colon, as in kv:get(key)
----
return kv.name
-- fails: error: chunk.lua:1: there is no method 'name'
----
state.map("late")
-- fails: error: chunk.lua:1: state.map may be used only while the script loads
----
return kv:get()
-- fails: error: chunk.lua:1: a key must be a string or an integer, not nil
----
return kv:get(1.5)
-- fails: error: chunk.lua:1: the key 1.5 is not an integer
----
return kv:get({})
-- fails: error: chunk.lua:1: a key must be a string or an integer, not table
----
kv:set(("k"):rep(4097), 1)
-- fails: error: chunk.lua:1: a key of 4097 bytes, at most 4096 are allowed
----
kv:set("a", print)
-- refused: 1: print is not available
----
kv:set("a", tostring)
-- fails: error: chunk.lua:1: this value cannot be stored: a function cannot be stored or returned
----
kv:set("a", kv)
-- fails: error: chunk.lua:1: this value cannot be stored: a userdata
----
local t = {} t.t = t
kv:set("a", t)
-- fails: error: chunk.lua:2: ... tables nest deeper than 32, or a table contains itself
----
kv:set("a", setmetatable({}, {}))
-- fails: error: chunk.lua:1: ... a table with a metatable cannot be stored or returned
----
kv:set("a", {[1.5] = 1})
-- fails: error: chunk.lua:1: ... the key '1.5' in a table cannot be stored
----
kv:set("a", {[true] = 1})
-- fails: error: chunk.lua:1: ... a boolean as a key in a table
----
kv:set("a", ("x"):rep(1024 * 1024))
-- fails: error: chunk.lua:1: this value cannot be stored: more than 1048576 bytes
----
return function() end
-- fails: error: the result of run: a function cannot be stored or returned
----
return setmetatable({}, {})
-- fails: error: the result of run: a table with a metatable
----
local t = table
t.insert = 1
-- fails: error: chunk.lua:2: attempt to change a table that was made while the script loaded
----
rawset(string, "x", 1)
-- fails: error: chunk.lua:1: attempt to change a table that was made while
----
table.insert(string, 1)
-- fails: error: chunk.lua:1: attempt to change a table that was made while
----
setmetatable(math, {})
-- fails: error: chunk.lua:1: attempt to change a table that was made while
----
getmetatable("").__index = nil
-- fails: error: chunk.lua:1: attempt to index
----
return math.random(0)
-- fails: error: chunk.lua:1: ... interval is empty
----
return ("%d"):format(1.5, 2)
-- want: "1"
----
return ("%d"):format("x")
-- fails: error: chunk.lua:1: ... number expected, got string
----
return ("x"):find("[a")
-- fails: error: chunk.lua:1: malformed pattern (missing ']')
----
return ("x"):find(("("):rep(40))
-- fails: error: chunk.lua:1: malformed pattern (too many captures)
----
return unpack({}, 1, 1e8)
-- fails: error: chunk.lua:1: too many results to unpack
----
-- the end of patience within a function of Go
table.sort({3, 1, 2, 5, 4}, function(a, b) while true do end end)
-- fails: limit: chunk.lua:2: more than 2000000 steps
----
-- a sort whose order makes no sense ends
local t = {}
for i = 1, 100 do t[i] = i % 7 end
table.sort(t, function(a, b) return true end)
return #t
-- want: 100
----
-- nor in the message of a failure
local x = nil
return x[{}]
-- fails: error: chunk.lua:3: attempt to index a non-table object(nil) with key 'table'

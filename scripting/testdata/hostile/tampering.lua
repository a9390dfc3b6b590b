string.rep = nil
-- fails: error: chunk.lua:1: attempt to change a table that was made while the script loaded
----
table.insert(table, "x")
-- fails: error: chunk.lua:1: attempt to change a table
----
rawset(math, "pi", 3)
-- fails: error: chunk.lua:1: attempt to change a table
----
setmetatable(string, {__index = function() return "mine" end})
-- fails: error: chunk.lua:1: attempt to change a table
----
table.sort(string)
-- fails: error: chunk.lua:1: attempt to change a table
----
table.remove(json)
-- fails: error: chunk.lua:1: attempt to change a table
----
return getmetatable("")
-- want: null
----
setmetatable("", {})
-- fails: error: chunk.lua:1: ... table expected, got string
----
setmetatable(kv, {})
-- fails: error: chunk.lua:1: ... table expected, got userdata
----
return getmetatable(kv)
-- want: false
----
return getmetatable(math)
-- want: false
----
kv.set = nil
-- fails: error: chunk.lua:1
----
for k, v in pairs(math) do if type(v) == "function" then rawset(math, k, nil) end end
-- fails: error: chunk.lua:1: attempt to change a table
----
count = 1
-- refused: 1: assignment to the global variable 'count' in a function
----
_G.x = 1
-- refused: 1: _G is not available
----
local t = setmetatable({}, {__metatable = "locked"})
setmetatable(t, nil)
-- fails: error: chunk.lua:2: cannot change a protected metatable
----
local log = {}
return { name = "x", version = 1, commands = {run = function() log[#log + 1] = 1 return #log end} }
-- fails: error: x.lua:2: attempt to change a table
----
local n = 0
local function up() n = n + 1 return n end
return { name = "x", version = 1, commands = {run = function() return up() end} }
-- refused: 2: assignment to 'n', a variable from outside the function
----
local memo = setmetatable({}, {__index = function(t, k) t[k] = 1 return 1 end})
return { name = "x", version = 1, commands = {run = function() return memo.x end} }
-- fails: error: x.lua:1: attempt to change a table
----
local box = {get = function() return 1 end}
return { name = "x", version = 1, commands = {run = function() box.get = nil return box.get() end} }
-- fails: error: x.lua:2: attempt to change a table
----
return tostring({}) .. tostring(tostring) .. tostring(kv) .. tostring(function() end)
-- want: "tablefunctionuserdatafunction"
----
error({})
-- fails: error: an error that is a table
----
local t = {} t.t = t
error(t)
-- fails: error: an error that is a table
----
error(nil)
-- fails: error: an error that is a nil
----
error(setmetatable({}, {__tostring = function() while true do end end}))
-- fails: error: an error that is a table
----
error({code = "error", message = "no"})
-- fails: error: an error that is a table
----
error({code = "mine", message = ("x"):rep(2^20)})
-- fails: mine: xxxx
----
error(("x"):rep(2^20), 0)
-- fails: error: xxxx
----
error("deep", 100)
-- fails: error: deep
----
error("negative", -5)
-- fails: error: negative
----
error(tostring)
-- fails: error: an error that is a function
----
error(kv)
-- fails: error: an error that is a userdata
----
local ok, e = pcall(error)
return {ok, e == nil}
-- want: [false,true]
----
return {pcall(pcall)}
-- want: [false,"chunk.lua:1: bad argument #1 to (anonymous) (value expected)"]
----
return pcall(pcall, error, {})
-- want: true
----
assert(false, {})
-- fails: error: an error that is a table
----
assert()
-- fails: error: chunk.lua:1: ... value expected
----
return function() end
-- fails: error: the result of run: a function cannot be stored or returned
----
local t = {} t[1] = t
return t
-- fails: error: the result of run: tables nest deeper than 32, or a table contains itself
----
return {[kv] = 1}
-- fails: error: the result of run: a userdata as a key
----
return kv
-- fails: error: the result of run: a userdata
----
local t = {} for i = 1, 100 do t = {t} end
return t
-- fails: error: the result of run: tables nest deeper than 32
----
local t, s = {}, ("x"):rep(1e5)
for i = 1, 20 do t[i] = s end
return t
-- fails: error: the result of run: more than 1048576 bytes
----
local t = {}
t[0/0] = 1
-- fails: error: chunk.lua:2: table index is NaN
----
local t = {}
t[nil] = 1
-- fails: error: chunk.lua:2: table index is nil
----
rawset({}, 0/0, 1)
-- fails: error: chunk.lua:1: table index is NaN
----
return {[1] = "a", [1.5] = "b"}
-- fails: error: the result of run: the key '1.5' in a table
----
local t = {}
t[1] = "int" t[2^53] = "large" t[-1] = "negative" t[0] = "zero"
return {t[1.0], t[9007199254740992], t[-1], t[-0]}
-- want: ["int","large","negative","zero"]
----
kv:set(0/0, 1)
-- fails: error: chunk.lua:1: the key nan is not an integer
----
kv:set(math.huge, 1)
-- fails: error: chunk.lua:1: the key inf is not an integer
----
kv:set(2^60, 1)
-- fails: error: chunk.lua:1: the key 1152921504606846976 is not an integer of at most 53 bits
----
kv:set(("k"):rep(1e5), 1)
-- fails: error: chunk.lua:1: a key of 100000 bytes
----
kv:set("a", ("v"):rep(2^20))
-- fails: error: chunk.lua:1: this value cannot be stored: more than 1048576 bytes
----
kv:set("a", 0/0) kv:set("b", -(0/0)) kv:set("c", -0)
return {kv:get("a") ~= kv:get("a"), 1 / kv:get("c") > 0, kv:len()}
-- want: [true,true,3]
----
kv:set("a", 1)
for k in kv:pairs() do kv:delete(k) kv:set(k .. "x", 1) end
error("after all")
-- fails: error: chunk.lua:3: after all
----
kv:set("a", 1)
local ok = pcall(function() kv:set("a", 2) fail("mine", "x") end)
return {ok, kv:get("a")}
-- want: [false,1]
----
return kv.get(other, "a") == other.get(kv, "a")
-- want: true
----
kv.get({}, "a")
-- fails: error: chunk.lua:1: call methods with a colon
----
state.map("late")
-- fails: error: chunk.lua:1: state.map may be used only while the script loads
----
local t = {5, 3, 1, 4, 2}
table.sort(t, function(a, b) return true end)
return #t
-- want: 5
----
table.sort({1, "x", 3})
-- fails: error: chunk.lua:1: attempt to compare
----
local t = {3, 2, 1}
table.sort(t, function(a, b) t[#t + 1] = a return a < b end)
return {t[1], t[2], t[3]}
-- want: [1,2,3]
----
table.sort({2, 1}, function() error("mad") end)
-- fails: error: chunk.lua:1: mad
----
return next({}, "nothing")
-- want: null
----
return ipairs()
-- fails: error: chunk.lua:1: ... table expected, got no value
----
local x = (((((((((((((((((((((((((((((((((((((((((1)))))))))))))))))))))))))))))))))))))))))
return x
-- want: 1
----
return math.floor(1e308 * 10) == math.huge
-- want: true
----
return math.random(10)
-- want: 9
----
return {pcall(math.random, 0)}
-- want: [false,"chunk.lua:1: bad argument #1 to (anonymous) (interval is empty)"]
----
return math.fmod(1, 0) ~= math.fmod(1, 0)
-- want: true
----
return 2^0.3
-- fails: error: chunk.lua:1: a power that is no integer differs between processors
----
return ctx.time() > 0 and ctx.index()
-- want: 10
----
ctx.client = function() return 1 end
-- fails: error: chunk.lua:1: attempt to change a table that was made while the script loaded; it is read-only now: keep what must last in state.map
----
return ctx.client()
-- want: null
----
-- how far an iterator has come would outlive the command
local it = ("a b c"):gmatch("%a")
return { name = "x", version = 1, commands = {run = function() return it() end} }
-- fails: error: x.lua:3: this iterator was made while the script loaded
----
-- while the script loads it works
local seen = {}
for letter in ("a b c"):gmatch("%a") do seen[#seen + 1] = letter end
return { name = "x", version = 1, commands = {run = function() return seen end} }
-- want: ["a","b","c"]

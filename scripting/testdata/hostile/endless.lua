while true do end
-- fails: limit: chunk.lua:1: more than 2000000 steps
----
repeat until false
-- fails: limit: chunk.lua:1: more than 200000 steps
----
for i = 1, math.huge do end
-- fails: limit: chunk.lua:1: more than 200000 steps
----
for i = 1, 2, 0 do end
return "not once"
-- want: "not once"
----
for i = 0, 1, 1e-300 do end
-- fails: limit: chunk.lua:1: more than 200000 steps
----
for i = 1, 0/0 do end
return "not once"
-- want: "not once"
----
kv:set("a", 1)
pcall(function() while true do end end)
return "survived"
-- fails: limit: chunk.lua:2: more than 200000 steps
----
while true do pcall(function() while true do end end) end
-- fails: limit: chunk.lua:1: more than 200000 steps
----
local function again() return again() end
return again()
-- fails: limit: chunk.lua:1: more than 200000 steps
----
local function ping(f) return f(ping) end
local function pong(f) return f(pong) end
return pcall(ping, pong)
-- fails: limit: ... more than 200000 steps
----
local function deep() return 1 + deep() end
return deep()
-- fails: limit: chunk.lua:1: stack overflow
----
local function deep() return (pcall(deep)) end
return deep()
-- fails: limit: ... too many calls within calls
----
-- pcall 200 times within itself
local f = function() return "bottom" end
for i = 1, 200 do local g = f f = function() return select(2, pcall(g)) end end
return f()
-- fails: limit: ... too many calls within calls
----
local f = function() error("bottom") end
for i = 1, 40 do local g = f f = function() kv:set(i, i) local ok, e = pcall(g) error(e, 0) end end
local ok, e = pcall(f)
return {e, kv:len()}
-- want: ["chunk.lua:1: bottom",0]
----
local t = setmetatable({}, {__index = function(t, k) return t[k] end})
return t.x
-- fails: limit: ... stack overflow
----
local t = setmetatable({}, {})
getmetatable(t).__index = t
return t.x
-- fails: error: chunk.lua:3: too many recursions in gettable
----
local t = setmetatable({}, {})
getmetatable(t).__newindex = t
t.x = 1
-- fails: error: chunk.lua:3: too many recursions in settable
----
local t = setmetatable({}, {__newindex = function(t, k, v) t[k] = v end})
t.x = 1
-- fails: limit: ... stack overflow
----
local m = {}
m.__add = function(a, b) return a + b end
return setmetatable({}, m) + 1
-- fails: limit: ... stack overflow
----
local m = {}
m.__eq = function(a, b) return a == b end
return setmetatable({}, m) == setmetatable({}, m)
-- fails: limit: ... stack overflow
----
local m = {}
m.__lt = function(a, b) return a < b end
return setmetatable({}, m) < setmetatable({}, m)
-- fails: limit: ... stack overflow
----
local m = {}
m.__concat = function(a, b) return a .. b end
return setmetatable({}, m) .. "x"
-- fails: limit: ... stack overflow
----
local m = {}
m.__tostring = function(x) return tostring(x) end
return tostring(setmetatable({}, m))
-- fails: limit: ... stack overflow
----
local m = {}
m.__call = function(f, x) return f(x) end
return setmetatable({}, m)(1)
-- fails: limit: ... more than 200000 steps
----
local m = {__len = function(t) return #t end}
return #setmetatable({}, m)
-- fails: limit: ... stack overflow
----
local m = {__unm = function(t) return -t end}
return -setmetatable({}, m)
-- fails: limit: ... stack overflow
----
for s in ("x"):gmatch("") do while true do end end
-- fails: limit: chunk.lua:1: more than 200000 steps
----
for k in function() return 1 end do end
-- fails: limit: chunk.lua:1: more than 200000 steps
----
local t = {1}
for i in ipairs(t) do t[i + 1] = i end
-- fails: limit: chunk.lua:2: more than
----
local t = {a = 1}
for k in pairs(t) do t[k .. "x"] = 1 end
-- fails: limit: chunk.lua:2: more than
----
table.sort({3, 1, 2}, function() while true do end end)
-- fails: limit: chunk.lua:1: more than 200000 steps
----
return (("x"):gsub(".", function() while true do end end))
-- fails: limit: chunk.lua:1: more than 200000 steps
----
while true do math.random() end
-- fails: limit: chunk.lua:1: more than 200000 steps
----
while true do kv:get("a") end
-- fails: limit: chunk.lua:1: more than 200000 steps
----
kv:set("a", 1)
while true do for k in kv:pairs() do kv:set(k, 2) end end
-- fails: error: chunk.lua:2: more than 1024 loops over collections
----
for i = 1, 1e9 do kv:set(i, i) end
-- fails: limit: chunk.lua:1: more than 200000 steps
----
while true do timer.at(ctx.time() + 1e6, "run") end
-- fails: error: chunk.lua:1: timer.at: more than 1000 events and timers
----
while true do emit("topic", ("x"):rep(1000)) end
-- fails: error: chunk.lua:1: emit: more than 1000 events and timers
----
local t = {}
t[700000] = 1
while true do kv:set("a", t) end
-- fails: limit: chunk.lua:3: more than 2000000 steps
----
local t = {}
t[700000] = 1
while true do kv:set_all(t) end
-- fails: limit: chunk.lua:3: more than 2000000 steps
----
local t = {}
for i = 1, 20000 do t["k" .. i] = 1 end
for i = 1, 20000 do t["k" .. i] = nil end
while true do kv:set_all(t) end
-- fails: limit: chunk.lua:4: more than 2000000 steps
----
local t = {}
for i = 1, 20000 do t["k" .. i] = 1 end
for i = 1, 20000 do t["k" .. i] = nil end
while true do kv:set("a", t) end
-- fails: limit: chunk.lua:4: more than 2000000 steps

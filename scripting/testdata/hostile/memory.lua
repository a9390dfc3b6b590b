local t = {}
t[67108863] = 1
-- fails: limit: chunk.lua:2: more than 64 MiB of memory
----
local t = {}
t[67108863] = nil
-- fails: limit: chunk.lua:2: more than 64 MiB of memory
----
return {[67108863] = 1}
-- fails: limit: chunk.lua:1: more than 64 MiB of memory
----
local k = 2^26 - 1
return {1, 2, [k] = 1}
-- fails: limit: chunk.lua:2: more than 64 MiB of memory
----
rawset({}, 67108863, 1)
-- fails: limit: chunk.lua:1: more than 64 MiB of memory
----
local sink = {}
local t = setmetatable({}, {__newindex = sink})
t[67108863] = 1
-- fails: limit: chunk.lua:3: more than 64 MiB of memory
----
local t = {}
t[2^26] = 1
t[2^53] = 2
return {t[2^26], t[2^53], #t}
-- want: [1,2,0]
----
table.insert({}, 67108863, 1)
-- fails: error: chunk.lua:1: ... position out of bounds
----
for i = 1, 1e6 do local t = {} t[100000] = i end
-- fails: limit: chunk.lua:1: more than 64 MiB of memory
----
local t = {}
while true do t[#t + 1] = #t end
-- fails: limit: chunk.lua:2: more than
----
local t = {}
while true do t = {t} end
-- fails: limit: chunk.lua:2: more than
----
local t = {}
while true do t = {x = t} end
-- fails: limit: chunk.lua:2: more than 64 MiB of memory
----
local t
while true do local n = {} n.x = t t = n end
-- fails: limit: chunk.lua:2: more than 64 MiB of memory
----
local f
while true do local g = f f = function() return g end end
-- fails: limit: chunk.lua:2: more than
----
local s = "x"
while true do s = s .. s end
-- fails: limit: chunk.lua:2: a string of more than 1 MiB
----
local t = {}
while true do t[#t + 1] = ("x"):rep(2^20) end
-- fails: limit: chunk.lua:2: more than 64 MiB of memory
----
return ("x"):rep(1e15)
-- fails: limit: chunk.lua:1: a string of more than 1 MiB
----
return #(""):rep(1e15)
-- want: 0
----
return ("x"):rep(-1) .. ("x"):rep(0/1)
-- want: ""
----
return ("x"):rep(0/0)
-- fails: error: chunk.lua:1: ... not a number
----
local t = {}
for i = 1, 200 do t[i] = ("x"):rep(10000) end
return table.concat(t, ("y"):rep(10000))
-- fails: limit: chunk.lua:3: a string of more than 1 MiB
----
return (("x"):rep(1000):gsub("x", ("y"):rep(10000)))
-- fails: limit: chunk.lua:1: a string of more than 1 MiB
----
return (("x"):rep(1000):gsub(".*", ("%0"):rep(2000)))
-- fails: limit: chunk.lua:1: a string of more than 1 MiB
----
return ("%s"):rep(200):format(unpack({("x"):rep(2^20)}))
-- fails: error: chunk.lua:1: ... value expected
----
local s = ("x"):rep(2^19)
return ("%s%s%s"):format(s, s, s)
-- fails: limit: chunk.lua:2: a string of more than 1 MiB
----
return ("%q"):format(("\0"):rep(2^19))
-- fails: limit: chunk.lua:1: a string of more than 1 MiB
----
return unpack({}, 1, 1e9)
-- fails: error: chunk.lua:1: too many results to unpack
----
return unpack({}, -2^31, 2^31)
-- fails: error: chunk.lua:1: too many results to unpack
----
return select("#", unpack({}, 1, 240))
-- want: 240
----
return ("x"):rep(1000):byte(1, -1)
-- fails: error: chunk.lua:1: string slice too long
----
return string.char(unpack({}, 1, 200))
-- fails: error: chunk.lua:1: ... number expected, got nil
----
local function f(...) return f(1, ...) end
return f()
-- fails: limit: chunk.lua:1: more than
----
local t = {}
for i = 1, 100000 do t[i] = i end
for i = 1, 100000 do t[i] = nil end
local n = 0
while true do n = n + #t end
-- fails: limit: chunk.lua:5: more than 2000000 steps
----
local t = {}
for i = 1, 50000 do t["k" .. i] = 1 t["k" .. i] = nil end
t.x = 1
while true do next(t) end
-- fails: limit: chunk.lua:4: more than 2000000 steps
----
local a, b = ("x"):rep(2^20), ("x"):rep(2^20)
while a == b do end
-- fails: limit: chunk.lua:2: more than 2000000 steps
----
local a, b = ("x"):rep(2^20), ("x"):rep(2^20)
while not (a < b) do end
-- fails: limit: chunk.lua:2: more than 2000000 steps
----
local a, t = ("x"):rep(2^20), {y = 1}
while not t[a] do end
-- fails: limit: chunk.lua:2: more than 2000000 steps
----
local a = ("1"):rep(2^20)
while true do pcall(function() return a + 1 end) end
-- fails: limit: chunk.lua:2: more than 2000000 steps
----
local a = (" "):rep(2^20)
while true do tonumber(a) tonumber(a, 16) end
-- fails: limit: chunk.lua:2: more than 2000000 steps
----
local a = ("x"):rep(2^20)
while true do a:find("y", 1, true) end
-- fails: limit: chunk.lua:2: more than 2000000 steps
----
local a = ("x"):rep(2^20)
while true do a:upper() end
-- fails: limit: chunk.lua:2: more than
----
local t = {}
for i = 1, 1000 do t[i] = ("x"):rep(1000) .. i end
while true do table.sort(t) end
-- fails: limit: chunk.lua:3: more than
----
local t = {}
for i = 1, 100000 do t[i] = i end
while true do table.insert(t, 1, 0) end
-- fails: limit: chunk.lua:3: more than 2000000 steps
----
for i = 1, 200000 do kv:set(i, ("x"):rep(1000)) end
-- fails: limit: chunk.lua:1: more than
----
local t = {}
for i = 1, 600 do t[i] = ("x"):rep(1000) end
while true do kv:set("a", t) end
-- fails: limit: chunk.lua:3: more than
----
local t = {}
for i = 1, 600 do t[i] = ("x"):rep(1000) end
kv:set("a", t)
while true do t = kv:get("a") end
-- fails: limit: chunk.lua:4: more than

local function spin() while true do end end
return { name = "x", version = 1, limits = {steps = 5000}, commands = {run = spin} }
-- fails: limit: x.lua:1: more than 5000 steps
----
local function fill() local t = {} for i = 1, 1e6 do t[i] = i end return #t end
return { name = "x", version = 1, limits = {bytes = 100000}, commands = {run = fill} }
-- fails: limit: x.lua:1: more than 100000 bytes of memory
----
local function fill() local t = {} for i = 1, 1e6 do t[i] = i end return #t end
return { name = "x", version = 1, limits = {steps = 10000000, bytes = 256 * 2^20}, commands = {run = fill} }
-- want: 1000000
----
return { name = "x", version = 1, limits = 5, commands = {f = function() end} }
-- refused: 1: limits is a number; it must be a table like {steps = 2000000, bytes = 67108864}
----
return { name = "x", version = 1, limits = {steps = 999}, commands = {f = function() end} }
-- refused: 1: limits: steps must be from 1000 to 50000000, got 999
----
return { name = "x", version = 1, limits = {bytes = 1e12}, commands = {f = function() end} }
-- refused: 1: limits: bytes must be from 65536 to 536870912, got 1000000000000
----
return { name = "x", version = 1, limits = {steps = 0/0}, commands = {f = function() end} }
-- refused: 1: limits.steps must be an integer
----
return { name = "x", version = 1, limits = {gas = 1}, commands = {f = function() end} }
-- refused: 1: limits.gas must be an integer; there are steps and bytes
----
-- a script cannot change them later
local limits = {steps = 1000}
return { name = "x", version = 1, limits = limits, commands = {run = function() limits.steps = 1e9 end} }
-- fails: error: x.lua:3: attempt to change a table that was made while the script loaded
----
-- nor give itself more for its load
for i = 1, 1e7 do end
return { name = "x", version = 1, limits = {steps = 50000000}, commands = {f = function() end} }
-- refused: 2: more than 2000000 steps

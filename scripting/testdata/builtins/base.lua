assert(1, 2, 3)                                        --> 1, 2, 3
assert("x")                                            --> "x"
assert(false)                                          --> error: assertion failed!
assert(nil, "why")                                     --> error: why
assert(1 == 2, {code = "own", message = "text"})       --> error: own: text
assert()                                               --> error: ... value expected

error("text")                                          --: error: test.lua:8: text
error("text", 0)                                       --> error: text
error({1})                                             --> error: {1}
error()                                                --> error: nil
error(nil)                                             --> error: nil
pcall(error, "x")                                      --: false, "test.lua:13: x"
pcall(error, {code = 5})                               --> false, {["code"] = 5}

local function blame() error("you", 2) end
pcall(function() blame() end)                          --: false, "test.lua:17: you"
select(2, pcall(error, "x", 1))                        --: "test.lua:18: x"

pcall(function(...) return ... end, 1, nil, 3)         --> true, 1, nil, 3
pcall(function() end)                                  --> true
pcall(pcall, error, "x")                               --: true, false, "test.lua:22: x"
pcall(1)                                               --: false, "test.lua:23: attempt to call a non-function object"
pcall()                                                --> error: ... value expected

getmetatable({})                                       --> nil
getmetatable(setmetatable({}, {__metatable = "no"}))   --> "no"
getmetatable(1)                                        --> nil
getmetatable()                                         --> error: ... value expected

local meta = {__index = {a = 1}}
local t = setmetatable({b = 2}, meta)
getmetatable(t) == meta                                --> true
t.a, t.b, t.c                                          --> 1, 2, nil
rawget(t, "a"), rawget(t, "b")                         --> nil, 2
setmetatable(t, nil).a                                 --> nil
setmetatable(t, 1)                                     --> error: ... nil or table expected
setmetatable(1, {})                                    --> error: ... table expected
setmetatable(setmetatable({}, {__metatable = 1}), {})  --> error: cannot change a protected metatable

local log = {}
local t = setmetatable({}, {__newindex = function(t, k, v) rawset(t, k, v * 2) end})
t.x = 4
t.x                                                    --> 8
rawset(t, "x", 5).x                                    --> 5
rawset(t, nil, 1)                                      --> error: index is nil
rawset(t, 0/0, 1)                                      --> error: index is NaN
rawset(1, 2, 3)                                        --> error: ... table expected
rawequal(t, t), rawequal(t, {}), rawequal(1, 1.0)      --> true, false, true
rawequal("a", "a"), rawequal(1, "1")                   --> true, false
rawequal(1)                                            --> error: ... value expected
rawget(1, 2)                                           --> error: ... table expected

local V = {}
V.__index = V
V.__add = function(a, b) return setmetatable({x = a.x + b.x}, V) end
V.__eq = function(a, b) return a.x == b.x end
V.__lt = function(a, b) return a.x < b.x end
V.__le = function(a, b) return a.x <= b.x end
V.__unm = function(a) return setmetatable({x = -a.x}, V) end
V.__concat = function(a, b) return "joined" end
V.__call = function(self, y) return self.x + y end
V.__tostring = function(self) return "V" .. self.x end
V.__pow = function(a, b) return "pow" end
V.__mod = function(a, b) return "mod" end
V.__div = function(a, b) return "div" end
V.__mul = function(a, b) return "mul" end
V.__sub = function(a, b) return "sub" end
local a, b = setmetatable({x = 1}, V), setmetatable({x = 2}, V)
(a + b).x, (-a).x                                      --> 3, -1
a == b, a == setmetatable({x = 1}, V)                  --> false, true
a < b, a <= b, a > b, a >= b                           --> true, true, false, false
a .. "x", "x" .. a, a .. b                             --> "joined", "joined", "joined"
a(10)                                                  --> 11
tostring(a)                                            --> "V1"
a ^ 2, a % 2, a / 2, a * 2, a - 2                      --> "pow", "mod", "div", "mul", "sub"

local t = {}
for i, v in ipairs({"a", "b", nil, "d"}) do t[#t + 1] = i .. v end
t                                                      --> {"1a", "2b"}
ipairs(1)                                              --> error: ... table expected
ipairs()                                               --> error: ... table expected

local t = {}
for k, v in pairs({10, 20, x = 30}) do t[#t + 1] = tostring(k) .. v end
t                                                      --> {"110", "220", "x30"}
pairs(nil)                                             --> error: ... table expected
next({})                                               --> nil
next({5})                                              --> 1, 5
next({5}, 1)                                           --> nil
next({x = 1})                                          --> "x", 1
next(1)                                                --> error: ... table expected

select("#")                                            --> 0
select("#", nil, nil)                                  --> 2
select(2, "a", "b", "c")                               --> "b", "c"
select(-1, "a", "b", "c")                              --> "c"
select(5, "a")                                         -->
select(0, "a")                                         --> error: ... index out of range
select(-5, "a")                                        --> error: ... index out of range

tonumber("10"), tonumber("  10.5  "), tonumber("1e2")  --> 10, 10.5, 100
tonumber("0x1F"), tonumber("-0x10"), tonumber("")      --> 31, -16, nil
tonumber("10x"), tonumber("1 2"), tonumber("x")        --> nil, nil, nil
tonumber("ff", 16), tonumber("zz", 36)                 --> 255, 1295
tonumber("0xff", 16), tonumber("101", 2)               --> 255, 5
tonumber("8", 8), tonumber("7", 8)                     --> nil, 7
tonumber(5), tonumber({}), tonumber(nil)               --> 5, nil, nil
tonumber("5", 1)                                       --> error: base out of range
tonumber("5", 37)                                      --> error: base out of range
tonumber()                                             --> error: ... value expected
tonumber("1_0"), tonumber("."), tonumber("5.")         --> nil, nil, 5
tonumber("inf"), tonumber("nan")                       --: nil, nil

tostring(1), tostring(-0.5), tostring(1e20)            --> "1", "-0.5", "1e+20"
tostring(true), tostring(nil), tostring("x")           --> "true", "nil", "x"
tostring(0.1 + 0.2), tostring(2^53)                    --: "0.30000000000000004", "9007199254740992"
tostring(1e15), tostring(1e100)                        --: "1000000000000000", "1e+100"
tostring(1/0), tostring(-1/0), tostring(0/0)           --: "inf", "-inf", "nan"
tostring({}), tostring(tostring)                       --: "table", "function"
tostring()                                             --> error: ... value expected
1 .. 2, 1.5 .. "x", -1 .. ""                           --> "12", "1.5x", "-1"

type(1), type("x"), type(nil), type({}), type(type)    --> "number", "string", "nil", "table", "function"
type(true)                                             --> "boolean"
type()                                                 --> error: ... value expected

unpack({1, 2, 3})                                      --> 1, 2, 3
unpack({1, 2, 3}, 2)                                   --> 2, 3
unpack({1, nil, 3}, 1, 3)                              --> 1, nil, 3
unpack({1, 2}, 2, 1)                                   -->
unpack({}, 1, 3)                                       --> nil, nil, nil
unpack(1)                                              --> error: ... table expected
unpack({}, 1, 1e7)                                     --> error: too many results to unpack

math.abs(-1.5), math.abs("2"), math.abs(0)             --> 1.5, 2, 0
math.abs()                                             --> error: number expected
math.abs({})                                           --> error: number expected
math.ceil(1.2), math.ceil(-1.2), math.ceil(3)          --> 2, -1, 3
math.floor(1.8), math.floor(-1.2), math.floor(2^60)    --> 1, -2, 1152921504606846976
math.floor(1/0), math.floor(-1/0)                      --> inf, -inf
math.sqrt(16), math.sqrt(2), math.sqrt(-1)             --> 4, 1.4142135623731, nan
math.deg(math.pi), math.rad(180) == math.pi            --> 180, true
math.max(1, 3, 2), math.max(-1), math.max(1, 1/0)      --> 3, -1, inf
math.max()                                             --> error: number expected
math.max(1, "x")                                       --> error: number expected
math.min(1, 3, -2), math.min(5)                        --> -2, 5
math.min()                                             --> error: number expected
math.fmod(7, 3), math.fmod(-7, 3), math.fmod(7, -3)    --> 1, -1, 1
math.fmod(5.5, 2), math.fmod(1, 0)                     --> 1.5, nan
math.modf(3.7), (math.modf(-3.7)), math.modf(5)        --> 3, -3, 5, 0
math.modf(1/0)                                         --> inf, 0
math.modf(-2.5)                                        --> -2, -0.5
math.frexp(8)                                          --> 0.5, 4
math.frexp(0)                                          --> 0, 0
math.frexp(-3)                                         --> -0.75, 2
math.ldexp(0.5, 4), math.ldexp(3, 0), math.ldexp(1, -1) --> 8, 3, 0.5
math.ldexp(1)                                          --> error: number expected
math.huge, -math.huge, math.huge == 1/0                --> inf, -inf, true
math.pi                                                --> 3.1415926535898

math.random() < 1, math.random() >= 0                  --> true, true
math.random(1), math.random(5, 5), math.random(-1, -1) --> 1, 5, -1
math.random(0)                                         --> error: interval is empty
math.random(3, 1)                                      --> error: interval is empty
math.random("x")                                       --> error: number expected

local low, high = 100, 0
for i = 1, 200 do local n = math.random(6) low, high = math.min(low, n), math.max(high, n) end
low, high                                              --> 1, 6

local library = {math}
library[1].sin                                         --: error: math.sin is not available: its last digits
library[1].randomseed                                  --: error: math.randomseed is not available
library[1].nothing                                     --: error: there is no function math.nothing

1 + 2, 7 - 10, 3 * 4, 7 / 2, 2 ^ 10                    --> 3, -3, 12, 3.5, 1024
7 % 3, -7 % 3, 7 % -3, -7 % -3                         --> 1, 2, -2, -1
5.5 % 2, 0 % 5, -0.5 % 2                               --> 1.5, 0, 1.5
1 % math.huge                                          --: 1
1 / 0, -1 / 0, 0 / 0                                   --> inf, -inf, nan
2 ^ 0.5, 4 ^ -1, (-2) ^ 2, -2 ^ 2                      --> 1.4142135623731, 0.25, 4, -4
2 ^ 0.3                                                --: error: a power that is no integer
2 ^ 3 ^ 2, (2 ^ 3) ^ 2                                 --> 512, 64
10 % 0                                                 --> nan
1 == 1.0, "1" == 1, 0 == -0, 0/0 == 0/0                --> true, false, true, false
1 < 2, 2 <= 2, 3 > 4, 4 >= 4                           --> true, true, false, true
0.1 + 0.2 == 0.3, 0.5 + 0.25 == 0.75                   --> false, true
2^53 + 1 == 2^53, 1e308 * 10                           --> true, inf
0xff, 1e3, .5, 3., 0x10                                --> 255, 1000, 0.5, 3, 16
- - 1, not nil, not 0, #"x" + 1                        --> 1, true, false, 2
nil + 1                                                --> error: cannot perform add operation between nil and number
{} < {}                                                --> error: attempt to compare
nil == false, nil ~= nil                               --> false, false

1 and 2, nil and 1, false or 3, nil or false           --> 2, nil, 3, false
false == nil, not not 1                                --> false, true

local a, b = 1, 2
a, b = b, a
a, b                                                   --> 2, 1

local n = 0
for i = 10, 1, -3 do n = n + i end
for i = 1, 0 do n = n + 1000 end
for i = 0.5, 2 do n = n + 100 end
n                                                      --> 222

local n = 0
repeat local done = n >= 3 n = n + 1 until done
while true do n = n + 10 if n > 30 then break end end
n                                                      --> 34

local function sum(...) local s = 0 for _, x in ipairs({...}) do s = s + x end return s, ... end
sum(1, 2, 3)                                           --> 6, 1, 2, 3
(sum(1, 2, 3))                                         --> 6
select("#", sum())                                     --> 1

local function fib(n) if n < 2 then return n end return fib(n - 1) + fib(n - 2) end
fib(15)                                                --> 610

local made = {}
for i = 1, 3 do made[i] = function() i = i + 10 return i end end
made[1](), made[1](), made[2]()                        --> 11, 21, 12

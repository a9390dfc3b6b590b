-- integers of 53 bits are drawn whole
local high = 0
for i = 1, 100 do
  local n = math.random(2^53)
  assert(n >= 1 and n <= 2^53 and n % 1 == 0, n)
  if n > 2^52 then high = high + 1 end
end
return high > 20 and high < 80
-- want: true
----
local low = 0
for i = 1, 100 do
  local n = math.random(-2^53, 2^53)
  assert(n >= -2^53 and n <= 2^53 and n % 1 == 0, n)
  if n < 0 then low = low + 1 end
end
return low > 20 and low < 80
-- want: true
----
for i = 1, 100 do
  local n = math.random(2^32, 2^32 + 2)
  assert(n >= 2^32 and n <= 2^32 + 2, n)
end
return math.random(2^40, 2^40)
-- want: 1099511627776
----
return math.random(2^53 + 2)
-- fails: error: chunk.lua:1: bad argument #1 to random (not within 2^53
----
return math.random(0, 1/0)
-- fails: error: chunk.lua:1: bad argument #2 to random (not within 2^53
----
return math.random(-1/0, 0)
-- fails: error: chunk.lua:1: bad argument #1 to random (not within 2^53
----
return math.random(0/0)
-- fails: error: chunk.lua:1: bad argument #1 to random (not
----
return math.random(0)
-- fails: error: chunk.lua:1: bad argument #1 to random (interval is empty
----
return math.random(2, 1)
-- fails: error: chunk.lua:1: bad argument #2 to random (interval is empty
----
-- as in Lua, fractions are cut
return math.random(1.9) + math.random(7.5, 7.9)
-- want: 8

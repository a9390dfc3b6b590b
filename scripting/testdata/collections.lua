-- keys are integers before strings, and never mixed up
kv:set("1", "string") kv:set(1, "integer") kv:set(-5, "minus") kv:set("", "empty") kv:set(10, "ten")
return {kv:keys(), kv:get("1"), kv:get(1), kv:get(1.0), kv:len()}
-- want: [[-5,1,10,"","1"],"string","integer","integer",5]
----
-- every kind of value comes back
local values = {true, false, 0, -1, 2 ^ 53, 0.1, "x", "", {}, {1, 2}, {a = {b = {}}}, {1, nil, 3}}
local out = {}
for i = 1, 12 do kv:set(i, values[i]) out[i] = kv:get(i) end
return out
-- want: [true,false,0,-1,9007199254740992,0.1,"x","",[],[1,2],{"a":{"b":[]}},{"1":1,"3":3}]
----
-- a value is copied on its way in and out
local t = {n = 1}
kv:set("t", t)
t.n = 2
local u = kv:get("t")
u.n = 3
return {kv:get("t").n}
-- want: [1]
----
-- setting nil deletes
kv:set("a", 1) kv:set("a", nil) kv:delete("b")
return {kv:has("a"), kv:len()}
-- want: [false,0]
----
-- first and last
local empty = kv:first() == nil and kv:last() == nil
for _, k in ipairs({"b", "a", "c", 5}) do kv:set(k, k .. "!") end
local k1, v1 = kv:first()
local k2, v2 = kv:last()
return {empty, k1, v1, k2, v2}
-- want: [true,5,"5!","c","c!"]
----
-- a range has its end outside
for i = 1, 9 do kv:set("k" .. i, i) end
return {kv:range("k2", "k5"), kv:range("k8"), kv:range(nil, "k2"), kv:range(nil, nil, 2), kv:range("x")}
-- want: [[["k2",2],["k3",3],["k4",4]],[["k8",8],["k9",9]],[["k1",1]],[["k1",1],["k2",2]],[]]
----
-- keys take the same arguments
for i = 1, 200 do kv:set(i, i) end
return {#kv:keys(), kv:keys(3, 6), kv:keys(100, nil, 2), #kv:keys(nil, nil, 150), kv:keys(1, 5, 0), kv:keys(5, 1)}
-- want: [200,[3,4,5],[100,101],150,[],[]]
----
-- a loop sees the map as it was when the loop began
for i = 1, 200 do kv:set(i, i) end
local n, sum = 0, 0
for k, v in kv:pairs() do
  n, sum = n + 1, sum + v
  kv:delete(k)
  kv:set(k + 1000, 1)
  kv:set(k + 1, -1)
end
return {n, sum, kv:has(1), kv:len()}
-- want: [200,20100,false,201]
----
-- loops within loops, left early, with bounds
for i = 1, 5 do kv:set(i, i) end
local seen = {}
for a in kv:pairs(2, 5) do
  for b, v in kv:pairs() do
    if b == a then seen[#seen + 1] = v break end
  end
  kv:set(a, 0)
end
return seen
-- want: [2,3,4]
----
-- many loops with writes between them
for i = 1, 2000 do
  for k in kv:pairs() do break end
  kv:set("n", i)
end
-- fails: error: chunk.lua:3: more than 1024 loops over collections with writes between them
----
-- a table read from state is in the order of its keys, whatever its history
kv:set("t", {z = 1, a = 2, [10] = 3, m = 4, [-1] = 5})
local keys = {}
for k in pairs(kv:get("t")) do keys[#keys + 1] = tostring(k) end
return table.concat(keys, " ")
-- want: "10 -1 a m z"
----
-- two maps are two maps
kv:set("a", 1) other:set("a", 2)
return {kv:get("a"), other:get("a")}
-- want: [1,2]
----
-- not a number is one value, and minus zero is zero
kv:set(1, 0 / 0) kv:set(2, -0.0)
local nan = kv:get(1)
return {nan ~= nan, 1 / kv:get(2) > 0}
-- want: [true,true]
----
-- strings are bytes
kv:set("\0\255", "\0\1\254")
return {kv:get("\0\255") == "\0\1\254", #kv:keys()[1]}
-- want: [true,2]
----
-- the entry that is being applied
return {ctx.index(), ctx.term(), ctx.time()}
-- want: [7,3,1700000000007]
----
-- random numbers are the entry's
local t = {}
for i = 1, 200 do
  t[1] = math.random()
  t[2] = math.random(6)
  t[3] = math.random(-3, 3)
  if not (t[1] >= 0 and t[1] < 1 and t[2] >= 1 and t[2] <= 6 and t[3] >= -3 and t[3] <= 3) then return t end
end
return math.random(1000000)
-- want: 312386
----
-- a single value
local n = state.value("n", 5)
local t = state.value("t", {list = {}})
local u = state.value("u")
return { name = "single", version = 1, commands = { run = function()
  n:set(n:get() + 1)
  local x = t:get()
  x.list[1] = "a"
  t:set(x)
  local before = u:get() == nil
  u:set(false)
  local result = {n:get(), t:get().list[1], before, u:get()}
  n:set(nil)
  result[5] = n:get() == nil
  return result
end } }
-- want: [6,"a",true,false,true]
----
-- tables made while the script loads can be read, copied into state, and returned
local defaults = {limits = {low = 1, high = 9}, names = {"x", "y", "z"}}
local kv = state.map("kv")
return { name = "frozen", version = 1, commands = { run = function()
  kv:set("d", defaults)
  local keys = {}
  for k, v in pairs(defaults.limits) do keys[#keys + 1] = k .. v end
  for i, v in ipairs(defaults.names) do keys[#keys + 1] = i .. v end
  table.sort(keys)
  return {kv:get("d").limits.high, #defaults.names, next(defaults.limits) ~= nil, keys,
    table.concat(defaults.names, "-"), unpack(defaults.names)}
end } }
-- want: [9,3,true,["1x","2y","3z","high9","low1"],"x-y-z","x","y","z"]
----
-- tables made while the script loads cannot be changed
local cache = {n = 0}
return { name = "frozen", version = 1, commands = { run = function()
  cache.n = 1
end } }
-- fails: error: frozen.lua:4: attempt to change a table that was made while the script loaded
----
local list = {}
return { name = "frozen", version = 1, commands = { run = function()
  list[#list + 1] = 1
end } }
-- fails: error: frozen.lua:3: attempt to change a table that was made while the script loaded
----
-- classes work: objects of a command may change, the class may not
local Account = {rate = 2}
Account.__index = Account
Account.__tostring = function(a) return "account " .. a.balance end
function Account.new(n) return setmetatable({balance = n}, Account) end
function Account:deposit(n) self.balance = self.balance + n * self.rate return self end
local Saver = setmetatable({}, {__index = Account})
Saver.__index = Saver
local shared = Account.new(1)
return { name = "class", version = 1, commands = { run = function()
  local a = Account.new(10):deposit(5)
  local s = setmetatable({balance = 1}, Saver):deposit(1)
  local ok = pcall(function() shared:deposit(1) end)
  local ok2 = pcall(function() Account.rate = 3 end)
  return {a.balance, s.balance, tostring(a), tostring(shared), shared.balance, shared.rate, ok, ok2,
    getmetatable(a) == Account, getmetatable(shared) == Account, rawget(a, "balance"), rawget(Account, "rate")}
end } }
-- want: [20,3,"account 20","account 1",1,2,false,false,true,true,20,2]
----
-- a frozen table keeps its metamethods
local calls = {}
local t = setmetatable({a = 1, 10, 20}, {
  __index = function(t, k) return k .. "?" end,
  __newindex = function(t, k, v) error("my own: " .. k) end,
  __len = function() return 42 end,
  __call = function(self, x) return self.a + x end,
})
return { name = "meta", version = 1, commands = { run = function()
  local ok, err = pcall(function() t.b = 1 end)
  local ok2, err2 = pcall(function() t.a = 2 end)
  return {t.a, t.b, t(5), t[1], err, err2:match("read%-only") }
end } }
-- want: [1,"b?",6,10,"meta.lua:5: my own: b","read-only"]
----
-- functions may be added to libraries and to strings while the script loads
function string.trim(s) return (s:gsub("^%s+", ""):gsub("%s+$", "")) end
function helper(x) return ("  " .. x .. " "):trim() end
return { name = "added", version = 1, commands = { run = function()
  return {helper("a b"), ("x"):upper(), string.trim(" q ")}
end } }
-- want: ["a b","X","q"]

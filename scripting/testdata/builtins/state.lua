kv:len(), kv:first(), kv:last()                        --: 0, nil, nil
kv:get("a"), kv:has("a")                               --: nil, false
kv:set("a", {1, {x = "y"}})                            --:
kv:get("a")                                            --: {1, {["x"] = "y"}}
kv:has("a"), kv:len()                                  --: true, 1
kv:set("a", false)                                     --:
kv:get("a"), kv:has("a")                               --: false, true
kv:set("a", nil)                                       --:
kv:has("a"), kv:len()                                  --: false, 0
kv:set("b", 1)                                         --:
kv:delete("b")                                         --:
kv:delete("b")                                         --:
kv:get("b"), other:len()                               --: nil, 0
kv:get()                                               --: error: a key must be a string or an integer, not nil
kv:get(1.5)                                            --: error: the key 1.5 is not an integer
kv:get({})                                             --: error: a key must be a string or an integer, not table
kv:get(true)                                           --: error: a key must be
kv:get(2^53 + 2)                                       --: error: is not an integer of at most 53 bits
kv:get(("k"):rep(4097))                                --: error: a key of 4097 bytes, at most 4096
kv:set("f", function() end)                            --: error: this value cannot be stored: a function
kv:set("f", setmetatable({}, {}))                      --: error: a table with a metatable cannot be stored
kv:set("f", {[1.5] = 1})                               --: error: the key '1.5' in a table cannot be stored
kv:set("f", {[true] = 1})                              --: error: a boolean as a key in a table
kv:set("f", ("x"):rep(2^20))                           --: error: more than 1048576 bytes
kv.get("a")                                            --: error: call methods with a colon, as in kv:get(key)
kv:nothing()                                           --: error: there is no method 'nothing'
state.map("later")                                     --: error: state.map may be used only while the script loads
state.value("later", 1)                                --: error: state.value may be used only while

for _, k in ipairs {"b", 10, "a", 9, "", -1, "10"} do other:set(k, tostring(k)) end
other:keys()                                           --: {-1, 9, 10, "", "10", "a", "b"}
other:keys(9, "a")                                     --: {9, 10, "", "10"}
other:keys("a")                                        --: {"a", "b"}
other:keys(nil, 9)                                     --: {-1}
other:keys(nil, nil, 2)                                --: {-1, 9}
other:range("a", "b")                                  --: {{"a", "a"}}
other:range(nil, nil, 1)                               --: {{-1, "-1"}}
other:range("z"), other:range("b", "a")                --: {}, {}
other:keys(1, 2, -1)                                   --: {}
other:first()                                          --: -1, "-1"
other:last()                                           --: "b", "b"
other:set_all({a = "new", [9] = {1}, [1] = false})     --:
other:range()                                          --: {{-1, "-1"}, {1, false}, {9, {1}}, {10, "10"}, {"", ""}, {"10", "10"}, {"a", "new"}, {"b", "b"}}
other:set_all({"one", "two", nil, "four"})             --:
other:range(1, 9)                                      --: {{1, "one"}, {2, "two"}, {4, "four"}}
other:set_all({})                                      --:
other:len()                                            --: 10
other:set_all({[1.5] = 1})                             --: error: the key 1.5 is not an integer
other:set_all({[true] = 1})                            --: error: a key must be a string or an integer, not boolean
other:set_all({[("k"):rep(4097)] = 1})                 --: error: a key of 4097 bytes, at most 4096
other:set_all({z = function() end})                    --: error: this value cannot be stored: a function
other:set_all(setmetatable({}, {}))                    --: error: set_all takes a table without a metatable
other:set_all("a")                                     --: error: set_all takes a table from keys to values, not string
other:set_all()                                        --: error: set_all takes a table from keys to values, not nil
other:len()                                            --: 10

local ok = pcall(function() other:set_all({n1 = 1, n2 = 2, n3 = function() end}) end)
ok, other:len()                                        --: false, 10
kv:range(), kv:keys()                                  --: {}, {}
kv:first()                                             --: nil
kv:last()                                              --: nil
kv:pairs()                                             --: function

kv:set(1, "one") kv:set("1", "text")
kv:get(1), kv:get("1"), kv:len()                       --: "one", "text", 2

local seen = {}
for k, v in other:pairs("a") do
  seen[#seen + 1] = k
  other:delete("b")
  other:set("c", 1)
end
seen                                                   --: {"a", "b"}
other:keys("a")                                        --: {"a", "c"}

local t = {1}
kv:set("t", t)
t[1] = 2
kv:get("t")                                            --: {1}
kv:get("t") == kv:get("t")                             --: false

local ok = pcall(function() kv:set("t", 5) kv:delete(1) error("no") end)
ok, kv:get("t"), kv:has(1)                             --: false, {1}, true

kv:set("nan", 0/0) kv:set("zero", -0)
kv:get("nan"), 1 / kv:get("zero")                      --: nan, inf

seven:get()                                            --: 7
seven:set({8})                                         --:
seven:get()                                            --: {8}
seven:set(nil)                                         --:
seven:get()                                            --: nil
seven:len()                                            --: error: there is no method 'len'

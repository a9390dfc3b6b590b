local t = {1, 2, 3}
table.insert(t, 4)                                     -->
table.insert(t, 1, 0)                                  -->
t                                                      --> {0, 1, 2, 3, 4}
table.remove(t)                                        --> 4
table.remove(t, 1)                                     --> 0
t                                                      --> {1, 2, 3}
table.remove({})                                       --: nil
table.insert(t, 2, "x", 1)                             --> error: wrong number of arguments
table.insert(t)                                        --> error: wrong number of arguments
table.insert(1, 2)                                     --> error: table expected
table.insert(t, "x", 1)                                --> error: number expected
table.remove(1)                                        --> error: table expected
#t, #{}, #{1, 2, nil}, #{n = 1}                        --> 3, 0, 2, 0

table.concat({})                                       --> ""
table.concat({1, "b", 3})                              --> "1b3"
table.concat({1, 2, 3}, ", ")                          --> "1, 2, 3"
table.concat({1, 2, 3}, ", ", 2)                       --> "2, 3"
table.concat({1, 2, 3}, ", ", 2, 2)                    --> "2"
table.concat({1, 2, 3}, ", ", 3, 2)                    --> ""
table.concat({{}})                                     --> error: invalid value
table.concat({true})                                   --> error: invalid value
table.concat({1}, 2)                                   --> "1"
table.concat({1}, ",", 1, 2)                           --> error: invalid value
table.concat(1)                                        --> error: table expected

table.maxn({}), table.maxn({1, 2}), table.maxn({[10] = 1, x = 2}) --> 0, 2, 10
table.maxn({[1.5] = 1})                                --: 0
table.maxn(1)                                          --> error: table expected

local t = {3, 1, 2}
table.sort(t)                                          -->
t                                                      --> {1, 2, 3}
table.sort(t, function(a, b) return a > b end)         -->
t                                                      --> {3, 2, 1}
table.sort({"b", 1})                                   --> error: attempt to compare
table.sort({1, 2}, 3)                                  --> error: attempt to call
table.sort(1)                                          --> error: table expected
table.sort({{}, {}})                                   --> error: attempt to compare
table.sort({2, 1}, function() error("own", 0) end)     --> error: own

local t = {{1, "a"}, {0, "b"}, {1, "c"}, {0, "d"}, {1, "e"}}
table.sort(t, function(a, b) return a[1] < b[1] end)
t[1][2] .. t[2][2] .. t[3][2] .. t[4][2] .. t[5][2]    --: "bdace"

local words = {"pear", "fig", "apple"}
table.sort(words)
words                                                  --> {"apple", "fig", "pear"}
table.unpack({1, 2})                                   --: 1, 2
table.unpack({1, 2, 3}, 2, 3)                          --: 2, 3

local t = {10, 20, 30, nil, 50}
t[5], t[6], t[-1], t.x                                 --> 50, nil, nil, nil

local t = {}
t[1.5], t[-1], t[true], t["1"] = 1, 2, 3, 4
t[1.5], t[-1], t[true], t["1"], t[1]                   --> 1, 2, 3, 4, nil

local a, b = {}, {}
local t = {[a] = 1}
t[a], t[b], a == b, a == a                             --> 1, nil, false, true

local t = {x = 1, y = 2}
t.x = nil
next(t)                                                --> "y", 2

local t = {}
t[nil]                                                 --> nil
(function() t[nil] = 1 end)()                          --> error: index is nil
(function() t[0/0] = 1 end)()                          --> error: index is NaN

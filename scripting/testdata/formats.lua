return json.encode({b = 1, a = {1, "x", true, {}}, c = {d = 0.5, e = -1e300}})
-- want: "{\"a\":[1,\"x\",true,[]],\"b\":1,\"c\":{\"d\":0.5,\"e\":-1e+300}}"
----
return {json.encode(nil), json.encode(false), json.encode("\"\\\n\r\t\1é/"), json.encode(2^53)}
-- want: ["null","false","\"\\\"\\\\\\n\\r\\t\\u0001é/\"","9007199254740992"]
----
return json.decode(' { "a" : [ 1 , -2.5e1 , "x\\u00e9\\ud83d\\ude00\\n\\/" , true , null ] , "b" : {} } ')
-- want: {"a":[1,-25,"xé😀\n/",true],"b":[]}
----
return json.decode(json.encode({x = {1, 2, {y = "z"}}})).x[3].y
-- want: "z"
----
local t = {}
for k in pairs(json.decode('{"b":1,"a":2,"c":3}')) do t[#t + 1] = k end
return t
-- want: ["b","a","c"]
----
return json.decode("9007199254740993")
-- fails: error: chunk.lua:1: json.decode: the number 9007199254740993 at byte 1 cannot be kept exactly
----
return json.decode("1e999")
-- fails: error: json.decode: the number 1e999
----
return json.decode('{"a":1,"a":2}')
-- fails: error: json.decode: the key "a" comes twice
----
return json.decode('{"a":null,"b":null,"a":1}')
-- fails: error: json.decode: the key "a" comes twice
----
return json.decode('{"a":null,"b":{"a":1},"a":null}')
-- fails: error: json.decode: the key "a" comes twice
----
return json.decode('{"a":[{"b":null},{"b":null}],"b":null}')
-- want: {"a":[[],[]]}
----
return json.decode(("["):rep(33) .. ("]"):rep(33))
-- fails: error: json.decode: tables nest deeper than 32
----
return json.decode('[1,]')
-- fails: error: json.decode: unexpected ']' at byte 4
----
return json.decode('[1')
-- fails: error: json.decode: the text ends too early
----
return json.decode('1 2')
-- fails: error: json.decode: unexpected '2' at byte 3
----
return json.decode('.5')
-- fails: error: json.decode: unexpected
----
return json.decode('01')
-- fails: error: json.decode: unexpected '1' at byte 2
----
return json.decode('-')
-- fails: error: json.decode: the text ends too early
----
return json.decode('"\\ud800x"')
-- fails: error: json.decode: half a surrogate pair
----
return json.decode('"\\x"')
-- fails: error: json.decode: unexpected 'x'
----
return json.decode('"a\nb"')
-- fails: error: json.decode: unexpected '\n'
----
return json.decode('"\255"')
-- fails: error: json.decode: the text is not UTF-8
----
return json.decode({})
-- fails: error: json.decode: the argument must be a string, not table
----
return json.decode('{"' .. ("k"):rep(5000) .. '":1}')
-- fails: error: json.decode: a key of 5000 bytes
----
return json.encode("\255")
-- fails: error: json.encode: a string that is not UTF-8
----
return json.encode(0/0)
-- fails: error: json.encode: JSON has no way to write inf and nan
----
return json.encode({[17] = 1})
-- fails: error: json.encode: a key is the number 17; the keys of an object are strings
----
return json.encode(tostring)
-- fails: error: json.encode: a function cannot be stored or returned
----
local t = {} t.t = t
return json.encode(t)
-- fails: error: json.encode: tables nest deeper than 32, or a table contains itself
----
return json.encode(("\1"):rep(200000))
-- fails: error: json.encode: more than 1048576 bytes
----
while true do json.encode({("x"):rep(100000)}) end
-- fails: limit: chunk.lua:1: more than
----
while true do json.decode('[[[[[[]]]]]]') end
-- fails: limit: chunk.lua:1: more than
----
return json.foo
-- fails: error: there is no function json.foo
----
json.encode = nil
-- fails: error: attempt to change a table that was made while the script loaded
----
local s = msgpack.pack({b = 1, a = {1, 2}})
return {s:byte(1, #s)}
-- want: [130,161,97,146,1,2,161,98,1]
----
local v = msgpack.unpack(msgpack.pack({1, {x = "\255\0"}, 1.5, nil, true}))
return {v[1], v[2].x == "\255\0", v[3], v[4] == nil, v[5]}
-- want: [1,true,1.5,true,true]
----
return msgpack.unpack("\207\255\255\255\255\255\255\255\255")
-- fails: error: msgpack.unpack: ... integer 18446744073709551615 is beyond 2^53
----
return msgpack.unpack("\221\127\255\255\255")
-- fails: error: msgpack.unpack: ... cut short
----
return msgpack.unpack("\1\2")
-- fails: error: msgpack.unpack: there are bytes behind the value
----
return msgpack.unpack("\131\161a\192\161b\192\161a\1")
-- fails: error: msgpack.unpack: value: invalid encoding: a key comes twice
----
return msgpack.unpack("\130\1\192\1\192")
-- fails: error: msgpack.unpack: value: invalid encoding: a key comes twice
----
return msgpack.unpack("")
-- fails: error: msgpack.unpack: ... cut short
----
-- a key that skips sixty million places is paid for before they are there
return msgpack.unpack("\129\206\3\147\135\0\1")
-- fails: limit: chunk.lua:2: more than 64 MiB of memory
----
return msgpack.pack(function() end)
-- fails: error: msgpack.pack: a function cannot be stored or returned

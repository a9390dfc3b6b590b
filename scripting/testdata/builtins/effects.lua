ctx.index(), ctx.term(), ctx.time()                    --: 7, 3, 1700000000007
ctx.client()                                           --: nil
ctx.node                                               --: error: there is no function ctx.node
fail("own", "text")                                    --: error: own: text
fail("own")                                            --: error: own:
fail("Own")                                            --: error: fail: the code must be a name like not_found
fail("error")                                          --: error: fail: the code must be
fail("own", 5)                                         --: error: fail: the message must be a string
pcall(fail, "own", "text")                             --: false, {["code"] = "own", ["message"] = "text"}
emit("topic", {1})                                     --:
emit("topic")                                          --:
emit("@topic", 1)                                      --: error: emit: the topic must be
emit()                                                 --: error: emit: the topic must be
emit("topic", type)                                    --: error: emit: this value cannot be stored: a function

timer.at(5, "note", 1, "x")                            --: "5-7-0"
timer.at(ctx.time() + 1000, "run")                     --: "1700000001007-7-1"
timer.cancel("5-7-0"), timer.cancel("5-7-0")           --: true, false
timer.cancel("nonsense")                               --: error: timer.cancel: the id must be
timer.cancel()                                         --: error: timer.cancel: the id must be
timer.at("5", "note")                                  --: error: timer.at: the time must be an integer
timer.at(5.5, "note")                                  --: error: timer.at: the time must be an integer
timer.at(5, "nothing")                                 --: error: timer.at: test has no command 'nothing'
timer.at(5)                                            --: error: timer.at: test has no command
timer.at(5, "run", 1)                                  --: error: timer.at: 1 arguments are too many for run
timer.at(5, "note", type)                              --: error: timer.at: argument 1 of note: a function

json.encode({1, {a = true}, "x\n"})                    --: "[1,{\34a\34:true},\34x\92n\34]"
json.encode(nil), json.encode({}), json.encode(1e20)   --: "null", "[]", "1e+20"
json.encode({[5] = 1})                                 --: error: json.encode: a key is the number 5
json.encode(1/0)                                       --: error: json.encode: JSON has no way
json.decode('[1, 2.5, "a", null, {"k": false}]')       --: {1, 2.5, "a", [5] = {["k"] = false}}
json.decode("null"), json.decode(" true ")             --: nil, true
json.decode('"\\u0041\\t"')                            --: "A\9"
json.decode("[1")                                      --: error: json.decode: the text ends too early
json.decode("{'a':1}")                                 --: error: json.decode: unexpected '\'' at byte 2
json.decode(5)                                         --: error: json.decode: the argument must be a string

msgpack.pack(1), msgpack.pack("a"), msgpack.pack(nil)  --: "\1", "\161a", "\192"
msgpack.pack({1, 2}), msgpack.pack({a = 1})            --: "\146\1\2", "\129\161a\1"
msgpack.pack(-1), msgpack.pack(256), msgpack.pack(0.5) --: "\255", "\205\1\0", "\203?\224\0\0\0\0\0\0"
msgpack.unpack("\147\1\161a\195")                      --: {1, "a", true}
msgpack.unpack(msgpack.pack({x = {1, {y = 2}}}))       --: {["x"] = {1, {["y"] = 2}}}
msgpack.unpack("\147\1")                               --: error: msgpack.unpack: ... cut short
msgpack.unpack({})                                     --: error: msgpack.unpack: the argument must be a string

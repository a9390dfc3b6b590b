emit("paid", {1, 2}) emit("paid") return "OK"
-- want: "OK"
----
emit("") return 1
-- fails: error: chunk.lua:1: emit: the topic must be a string of 1 to 256 bytes
----
emit("@timer", 1)
-- fails: error: emit: the topic must be ... that does not begin with @
----
emit(7, 1)
-- fails: error: emit: the topic must be a string
----
emit("f", function() end)
-- fails: error: emit: this value cannot be stored: a function cannot be stored
----
emit("large", ("x"):rep(65536))
-- fails: error: emit: an event of more than 65536 bytes
----
-- what a caught error undid does not count
for i = 1, 2000 do pcall(function() emit("t", i) error("no") end) end
for i = 1, 999 do emit("t", i) end
local id = timer.at(5, "run")
return {pcall(emit, "t", 0)}
-- want: [false,"chunk.lua:5: emit: more than 1000 events and timers set or cancelled in one command"]
----
for i = 1, 1001 do emit("t", i) end
-- fails: error: emit: more than 1000 events and timers set or cancelled in one command
----
for i = 1, 20 do emit("t", ("x"):rep(60000)) end
-- fails: error: emit: more than 1048576 bytes of events in one command
----
while true do pcall(emit, "t", 1) end
-- fails: limit: more than
----
while true do pcall(function() timer.at(1, "run") error() end) end
-- fails: limit: more than
----
return timer.at(ctx.time() + 1000, "run", 1, "x", {2})
-- want: "1700000001007-7-0"
----
local a, b = timer.at(5, "run"), timer.at(5, "run")
return {timer.cancel(a), timer.cancel(a), timer.cancel(b), a ~= b}
-- want: [true,false,true,true]
----
-- a timer that was undone is not there, and its id is not given again
local id
pcall(function() id = timer.at(5, "run") error("no") end)
return {id, timer.cancel(id), timer.at(5, "run")}
-- want: ["5-7-0",false,"5-7-1"]
----
-- a cancellation that was undone
local id = timer.at(5, "run")
pcall(function() timer.cancel(id) error("no") end)
return timer.cancel(id)
-- want: true
----
return timer.at(-9007199254740992, "run")
-- want: "-9007199254740992-7-0"
----
timer.at(1.5, "run")
-- fails: error: timer.at: the time must be an integer, in milliseconds
----
timer.at("5", "run")
-- fails: error: timer.at: the time must be an integer
----
timer.at(1, "walk")
-- fails: error: timer.at: chunk has no command 'walk'
----
timer.at(1, "@fire")
-- fails: error: timer.at: chunk has no command '@fire'
----
timer.at(1)
-- fails: error: timer.at: chunk has no command 'nil'
----
timer.at(1, "run", function() end)
-- fails: error: timer.at: argument 1 of run: a function cannot be stored
----
timer.at(1, "run", ("x"):rep(65536))
-- fails: error: timer.at: a command of more than 65536 bytes
----
timer.at(1, "run", unpack({1, 2, 3}, 1, 65))
-- fails: error: timer.at: 65 arguments are too many for run
----
timer.cancel("1-2")
-- fails: error: timer.cancel: the id must be what timer.at returned
----
timer.cancel("01-7-0")
-- fails: error: timer.cancel: the id must be what timer.at returned
----
timer.cancel()
-- fails: error: timer.cancel: the id must be what timer.at returned
----
emit("t", 1)
return { name = "early", version = 1, commands = { run = function() end } }
-- refused: 1: emit may be used in commands only
----
timer.at(1, "run")
return { name = "early", version = 1, commands = { run = function() end } }
-- refused: 1: timer.at may be used in commands only
----
return { name = "arity", version = 1, commands = {
  run = function(a) timer.at(1, "run", a, 2) end,
} }
-- fails: error: timer.at: 2 arguments are too many for run

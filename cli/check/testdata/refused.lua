local part = require "refused_part"
local count = 0
local function f(x)
  count = count + x
  return os.time() end
return { name = "refused", commands = { f = f, g = part } }

-- money: amounts as whole cents, for 0.1 + 0.2 is not 0.3. What invoice.lua requires; a file of its
-- own declares nothing and returns a table of functions.

local money = {}

-- cents reads "12.30" or "12".
function money.cents(text)
  local whole, part = tostring(text):match("^(%d+)%.(%d%d)$")
  whole = whole or tostring(text):match("^%d+$")
  if not whole or #whole > 12 then fail("bad_amount", "'" .. text .. "' is not like 12.30") end
  return tonumber(whole) * 100 + tonumber(part or 0)
end

function money.text(cents)
  return string.format("%d.%02d", math.floor(cents / 100), cents % 100)
end

return money

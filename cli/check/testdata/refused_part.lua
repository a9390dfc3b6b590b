return function()
  return unknown
end

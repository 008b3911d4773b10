-- Functions of which one is to win: the first to end, and the first to succeed.
local xio = ...

local function after(seconds, value)
  return function() xio.sleep(seconds) return value end
end

return function()
  xio.run({ clock = "virtual" }, function()
    local index, value = xio.race(after(2, "a"), after(1, "b"))
    assert(index == 2 and value == "b")
    index, value = xio.any(function() error("lost", 0) end, after(1, "won"), after(5))
    assert(index == 2 and value == "won" or index == 3) -- memory may be out for the second
  end)
end

-- Functions that run at once: results as values and as a list, and an error.
local xio = ...

local function after(seconds, value)
  return function() xio.sleep(seconds) return value end
end

return function()
  xio.run({ clock = "virtual" }, function()
    local a, b = xio.gather(after(2, "a"), after(1, "b"))
    assert(a == "a" and b == "b")
    local list = xio.gather { after(1, 1), after(2, 2), after(3) }
    assert(list.n == 3 and list[2] == 2)
    local ok, err = xio.pcall(xio.gather, after(5), function() error("wanted", 0) end)
    assert(not ok)
    if err ~= "wanted" then error(err, 0) end
  end)
end

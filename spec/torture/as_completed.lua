-- Results as they come: to the end, left early, and with an error.
local xio = ...

local function after(seconds)
  return function() xio.sleep(seconds) return seconds end
end

return function()
  xio.run({ clock = "virtual" }, function()
    local sum = 0
    for _, n in xio.as_completed { after(2), after(1) } do sum = sum + n end
    assert(sum == 3)
    for _, n in xio.as_completed { after(2), after(1) } do
      if n == 1 then break end
    end
    local ok, err = xio.pcall(function()
      for _ in xio.as_completed { after(2), function() error("wanted", 0) end } do
        xio.sleep(1)
      end
    end)
    assert(not ok)
    if err ~= "wanted" then error(err, 0) end
  end)
end

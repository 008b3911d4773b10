-- Cleanup under a cancellation, within its grace and beyond.
local xio = ...

local function cleaning(seconds)
  local _guard <close> = setmetatable({}, { __close = function()
    xio.cleanup(xio.sleep, seconds)
  end })
  xio.sleep_forever()
end

return function()
  xio.run({ clock = "virtual", grace = 4 }, function()
    assert(not xio.move_on_after(1, cleaning, 2))
    assert(xio.now() == 3)
    assert(not xio.move_on_after(1, cleaning, 100))
    assert(xio.now() == 8)
    assert(xio.cleanup(function(x) return x end, 5) == 5)
  end)
end

-- Settling, and moving the virtual clock by hand.
local xio = ...

return function()
  xio.run({ clock = "virtual" }, function()
    local woken = 0
    for i = 1, 3 do
      xio.spawn(function() xio.sleep(i) woken = woken + 1 end)
    end
    xio.testing.settle()
    assert(woken == 0)
    xio.testing.advance(2)
    assert(woken == 2)
    xio.testing.settle(5)
    assert(woken == 3)
    assert(not xio.move_on_after(1, xio.testing.settle, 9))
  end)
end

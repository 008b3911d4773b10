-- Shields that hold, and one that is lifted.
local xio = ...

return function()
  xio.run({ clock = "virtual" }, function()
    local done
    assert(not xio.move_on_after(1, function()
      xio.shield(xio.sleep, 3)
      done = xio.now()
      xio.checkpoint()
    end))
    assert(done == 3)
    assert(not xio.move_on_after(1, xio.scope, { shield = true }, function(scope)
      xio.spawn(function() xio.sleep(2) scope.shield = false end)
      xio.sleep_forever()
    end))
    assert(xio.now() == 5)
  end)
end

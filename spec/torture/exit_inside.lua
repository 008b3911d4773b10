-- The Lua state is closed inside a task, with tasks in every kind of wait around it.
local xio, exit = ...

return function()
  xio.run({ clock = "virtual", name = "exit" }, function()
    local sleeper = xio.spawn(xio.sleep_forever)
    xio.spawn(sleeper.await, sleeper)
    xio.spawn(coroutine.wrap(function() coroutine.wrap(xio.sleep)(9) end))
    xio.spawn(xio.shield, xio.move_on_after, 5, xio.sleep_forever)
    xio.spawn(xio.testing.settle, 99)
    xio.group({ limit = 3, name = "left" }, function(group)
      group:spawn(xio.sleep_forever):cancel("late")
      for _ = 1, 3 do group:spawn(xio.sleep, 3) end
      group:spawn(function() group:start(xio.sleep_forever) end)
      xio.sleep(1)
      coroutine.wrap(xio.fail_after)(9, exit)
    end)
  end)
end

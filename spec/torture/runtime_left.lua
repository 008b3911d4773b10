-- A runtime that is dropped with tasks in every kind of wait.
local xio = ...

return function()
  local rt = xio.new { clock = "virtual" }
  rt:spawn(function()
    local sleeper = xio.spawn(xio.sleep_forever)
    xio.spawn(sleeper.await, sleeper)
    xio.spawn(coroutine.wrap(function() coroutine.wrap(xio.sleep)(9) end))
    xio.spawn(xio.shield, xio.move_on_after, 5, xio.sleep_forever)
    xio.spawn(xio.cleanup, xio.sleep_forever):cancel("in vain")
    xio.spawn(xio.testing.settle, 99)
    xio.spawn(function() while true do xio.checkpoint() end end)
    xio.group({ limit = 3, name = "left" }, function(group)
      group:spawn(xio.sleep_forever):cancel("late")
      group:spawn({ daemon = true }, xio.sleep_forever)
      for _ = 1, 3 do group:spawn(xio.sleep, 3) end
      group:start(function(started) xio.sleep(9) started() end)
    end)
  end)
  for _ = 1, 3 do rt:step() end
end

-- Events and futures: waiters that are woken, too late, cancelled; results and errors.
local xio = ...

return function()
  xio.run({ clock = "virtual" }, function()
    local event, value, failed = xio.event(), xio.future(), xio.future()
    local sum = 0
    xio.group(function(group)
      for i = 1, 3 do
        group:spawn(function()
          if event:wait(5) then sum = sum + i end
          sum = sum + value:await()
        end)
      end
      local late = group:spawn(function() return event:wait(0.5) end)
      local cancelled = group:spawn(event.wait, event)
      xio.sleep(1)
      cancelled:cancel()
      event:set()
      value:set(1, 2, 3)
      assert(late:await() == false)
    end)
    assert(sum == 9 and event:stats().waiting == 0)
    failed:fail("failed")
    local ok, err = xio.pcall(failed.await, failed)
    if ok or err ~= "failed" then error(err, 0) end
    assert(select(3, xio.future():await(1)) == "ETIMEDOUT")
  end)
end

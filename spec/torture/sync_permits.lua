-- Semaphores, limiters and barriers: nothing is lost by whoever does not get memory.
local xio = ...

return function()
  xio.run({ clock = "virtual" }, function()
    local semaphore, limiter, barrier = xio.semaphore(1, 1), xio.limiter(1), xio.barrier(2)
    local ok, err = xio.isolate(xio.group, function(group)
      for _ = 1, 2 do
        group:spawn(function()
          semaphore:with(xio.sleep, 1)
          limiter:with(xio.sleep, 1)
          barrier:wait()
        end)
      end
      xio.sleep(1.5) -- one holds the token now
      local cancelled = group:spawn(limiter.acquire_on_behalf_of, limiter, {})
      xio.sleep(0.1)
      cancelled:cancel()
    end)
    assert(semaphore.value == 1 and semaphore:stats().waiting == 0)
    assert(limiter:stats().waiting == 0 and barrier:stats().waiting == 0)
    if not ok then error(err, 0) end
    assert(limiter.held == 0)
  end)
end

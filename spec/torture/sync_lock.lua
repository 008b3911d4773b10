-- Locks and conditions: handed over, waited for with a limit, cancelled, left behind.
local xio = ...

return function()
  xio.run({ clock = "virtual" }, function()
    local lock, woken = xio.lock(), 0
    local condition = xio.condition(lock)
    xio.group(function(group)
      for i = 1, 3 do
        group:spawn(function()
          lock:with(function()
            if condition:wait(i == 1 and 1 or nil) then woken = woken + 1 end
          end)
        end)
      end
      local cancelled = group:spawn(condition.with, condition, condition.wait, condition)
      xio.sleep(2)
      cancelled:cancel()
      local _ <close> = condition:acquire()
      condition:notify_all()
    end)
    assert(woken == 2 and not lock.locked and condition:stats().waiting == 0)
    xio.spawn(lock.acquire, lock):wait()
    if lock.locked then
      local ok, err = pcall(lock.acquire, lock)
      if ok or not tostring(err):find("broken", 1, true) then error(err, 0) end
    end
  end)
end

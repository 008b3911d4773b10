-- Tasks that are awaited before and after their end, well and with errors.
local xio = ...

return function()
  xio.run({ clock = "virtual" }, function()
    local well = xio.spawn(function(...) xio.sleep(1) return ... end, 1, 2, 3)
    local failed
    local ok, err = xio.isolate(xio.group, function(group)
      failed = group:spawn(function() xio.sleep(2) error("failed", 0) end)
      assert(select("#", well:await()) == 3)
      failed:wait()
    end)
    assert(not ok)
    if err ~= "failed" then error(err, 0) end
    assert(select("#", well:await()) == 3 and select("#", well:wait()) == 0)
    for _ = 1, 2 do
      ok, err = xio.pcall(failed.await, failed)
      if ok or err ~= "failed" then error(err, 0) end
    end
    assert(select("#", well:result()) == 4 and failed:result() == false)
  end)
end

-- Failures that become results, and a cancellation that passes through.
local xio = ...

return function()
  xio.run({ clock = "virtual" }, function()
    local ok, a, b = xio.isolate(function(...) xio.sleep(1) return ... end, 1, 2)
    if not ok then error(a, 0) end
    assert(a == 1 and b == 2)
    ok, a = xio.isolate({ errors = "group", name = "alone" }, error, "wanted", 0)
    assert(not ok)
    for leaf in xio.each_error(a) do
      if leaf ~= "wanted" then error(a, 0) end
    end
    local ended, _, err = xio.move_on_after(1, xio.isolate, xio.sleep_forever)
    if ended then error(err, 0) end
  end)
end

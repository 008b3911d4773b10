-- A task that swallows a cancellation more than ten times.
local xio = ...

return function()
  xio.run({ clock = "virtual" }, function()
    local ok = xio.scope(function(scope)
      scope:cancel()
      for _ = 1, 12 do
        local _, err = pcall(xio.checkpoint)
        if not xio.is_cancelled(err) then error(err, 0) end
      end
      assert(xio.cancelled())
      xio.check()
    end)
    assert(not ok)
  end)
end

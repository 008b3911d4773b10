-- A cancellation that is kept and raised again after its scope has ended.
local xio = ...

return function()
  xio.run({ clock = "virtual" }, function()
    local _, kept = xio.move_on_after(1, xio.sleep, 2)
    assert(not xio.is_cancelled(kept))
    local ok, err = xio.isolate(function()
      xio.move_on_after(0, error, kept)
    end)
    assert(not ok)
    if err ~= kept then error(err, 0) end
  end)
end

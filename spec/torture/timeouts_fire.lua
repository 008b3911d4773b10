-- Limits that are reached, nested and with names.
local xio = ...

return function()
  xio.run({ clock = "virtual" }, function()
    assert(xio.move_on_after(1, xio.sleep, 2) == false)
    assert(xio.move_on_at(xio.now() + 1, xio.sleep_forever) == false)
    assert(xio.move_on_after(3, xio.move_on_after, 5, xio.sleep, 9) == false)
    for _, limit in ipairs { 1, { 2, name = "two", shield = true } } do
      local ok, err = xio.pcall(xio.fail_after, limit, xio.sleep_forever)
      assert(not ok)
      if not xio.is_timeout(err) then error(err, 0) end
      assert(tostring(err):find("timed out"))
    end
    local ok, err = xio.pcall(xio.fail_at, xio.now(), xio.checkpoint)
    assert(not ok)
    if not xio.is_timeout(err) then error(err, 0) end
  end)
end

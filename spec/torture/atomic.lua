-- Functions that may not wait.
local xio = ...

return function()
  xio.run({ clock = "virtual" }, function()
    assert(xio.atomic(function(...) return select("#", ...) end, 1, 2) == 2)
    local ok, err = xio.isolate(xio.atomic, xio.sleep, 1)
    assert(not ok)
    if not tostring(err):find("atomic") then error(err, 0) end
    assert(xio.atomic(function() return (xio.spawn(xio.sleep, 1)) end):status() == "ready")
  end)
end

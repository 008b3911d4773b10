-- Runs inside tasks of runs, one of which fails.
local xio = ...

return function()
  local virtual = { clock = "virtual" }
  xio.run(virtual, function()
    xio.spawn(xio.sleep, 5)
    local ok, err = xio.pcall(xio.run, virtual, function()
      xio.spawn(xio.sleep, 2)
      xio.run(virtual, xio.sleep, 3)
      error("inner", 0)
    end)
    assert(not ok)
    if err ~= "inner" then error(err, 0) end
  end)
end

-- A group in which two children fail while a third waits.
local xio = ...

return function()
  xio.run({ clock = "virtual" }, function()
    local ok, err = xio.pcall(xio.group, function(group)
      group:spawn(error, "first", 0)
      group:spawn(error, "second", 0)
      group:spawn(xio.sleep_forever)
      xio.sleep(9)
    end)
    assert(not ok)
    local wanted = { "first", "second" }
    for leaf in xio.each_error(err) do
      if leaf ~= table.remove(wanted, 1) then error(err, 0) end
    end
    assert(#wanted == 0)
  end)
end

-- Children that start, with values, and go on.
local xio = ...

return function()
  xio.run({ clock = "virtual" }, function()
    xio.group(function(group)
      local a, b = group:start({ name = "server" }, function(started, x)
        xio.sleep(1)
        started(x, nil)
        xio.sleep(5)
      end, "value")
      assert(a == "value" and b == nil)
      group:start(function(started) started() end)
      group:start(function(started) started(1, 2, 3) end)
    end)
  end)
end

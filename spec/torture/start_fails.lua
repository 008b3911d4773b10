-- Children that fail before they have started, or after.
local xio = ...

return function()
  xio.run({ clock = "virtual" }, function()
    xio.group(function(group)
      local ok, err = xio.pcall(group.start, group, function()
        xio.sleep(1)
        error("before", 0)
      end)
      assert(not ok)
      if err ~= "before" then error(err, 0) end
    end)
    local ok, err = xio.isolate(xio.group, function(group)
      group:start(function(started)
        started()
        error("after", 0)
      end)
    end)
    assert(not ok)
    if err ~= "after" then error(err, 0) end
  end)
end

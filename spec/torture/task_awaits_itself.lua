-- Tasks that await each other in a circle.
local xio = ...

return function()
  xio.run({ clock = "virtual" }, function()
    local first, second
    local ok, err = xio.isolate(xio.group, function(group)
      first = group:spawn({ name = "first" }, function() second:await() end)
      second = group:spawn(function() first:await() end)
    end)
    assert(not ok)
    for leaf in xio.each_error(err) do
      if not tostring(leaf):find("cycle of tasks") then error(err, 0) end
    end
  end)
end

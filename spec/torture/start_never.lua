-- Children that end without having started, are cancelled meanwhile, or start twice.
local xio = ...

return function()
  xio.run({ clock = "virtual" }, function()
    xio.group(function(group)
      assert(not xio.move_on_after(1, group.start, group, function() xio.sleep(9) end))
      local ok, err = xio.pcall(group.start, group, function() end)
      assert(not ok)
      if not tostring(err):find("without calling started") then error(err, 0) end
    end)
    local ok, err = xio.isolate(xio.group, function(group)
      group:start(function(started)
        started()
        started()
      end)
    end)
    assert(not ok)
    if not tostring(err):find("called twice") then error(err, 0) end
  end)
end

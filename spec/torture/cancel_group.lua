-- Groups cancelled with reasons, by their body, a child and another task.
local xio = ...

return function()
  xio.run({ clock = "virtual" }, function()
    for i = 1, 3 do
      local seen
      xio.group(function(group)
        group:spawn(function()
          local ok, err = pcall(xio.sleep_forever)
          if not ok and not xio.is_cancelled(err) then error(err, 0) end
          seen = err.reason
          error(err, 0)
        end)
        if i == 1 then group:cancel("by body") end
        if i == 2 then group:spawn(function() group:cancel("by child") end) end
        if i == 3 then xio.spawn(function() group.scope:cancel({ "by another" }) end) end
        xio.sleep(1)
      end)
      assert(seen)
    end
  end)
end

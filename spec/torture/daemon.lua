-- Daemons of groups, which clean up when only they are left.
local xio = ...

return function()
  xio.run({ clock = "virtual" }, function()
    local ended = 0
    xio.group(function(group)
      for _ = 1, 2 do
        group:spawn({ daemon = true }, function()
          local ok, err = pcall(xio.sleep_forever)
          if not xio.is_cancelled(err) then error(err, 0) end
          assert(not ok and err.source == "shutdown")
          xio.cleanup(xio.sleep, 1)
          ended = ended + 1
        end)
      end
      group:spawn(xio.sleep, 2)
    end)
    assert(ended == 2 and xio.now() == 3)
  end)
end

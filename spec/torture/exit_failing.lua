-- The Lua state is closed while a group fails, from a <close> handler, in a nested run.
local xio, exit = ...

return function()
  xio.run({ clock = "virtual" }, function()
    xio.spawn(xio.sleep_forever)
    xio.run({ clock = "virtual" }, function()
      xio.group(function(group)
        for i = 1, 2 do
          group:spawn(function()
            local _guard <close> = setmetatable({}, { __close = function()
              xio.shield(xio.sleep, 3 - i)
              if i == 1 then exit() end
            end })
            error("failed")
          end)
        end
        group:spawn(error, {})
      end)
    end)
  end)
end

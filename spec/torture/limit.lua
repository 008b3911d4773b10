-- A group that holds children back, some of which are cancelled or fail.
local xio = ...

return function()
  xio.run({ clock = "virtual" }, function()
    local most, now = 0, 0
    local ok, err = xio.isolate(xio.group, { limit = 2 }, function(group)
      local tasks = {}
      for i = 1, 6 do
        tasks[i] = group:spawn(function()
          now = now + 1
          most = math.max(most, now)
          xio.sleep(i)
          now = now - 1
          if i == 6 then error("wanted", 0) end
        end)
      end
      tasks[5]:cancel()
      tasks[5]:wait()
      now = now - 1
    end)
    assert(not ok)
    if err ~= "wanted" then error(err, 0) end
    assert(most == 2)
  end)
end

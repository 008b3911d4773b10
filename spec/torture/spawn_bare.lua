-- Tasks whose handles nobody takes: given one later, failing without one, handed arguments.
local xio = ...

local function body(log, value)
  xio.checkpoint()
  log[#log + 1] = value
end

return function()
  xio.run({ clock = "virtual" }, function()
    local log = {}
    xio.group(function(group)
      group:spawn(function() body(log, 1) end)
      group:spawn(body, log, 2)
      group:spawn(function() log[#log + 1] = xio.current().parent.name and 3 end)
      assert(#group:tasks() == 3)
      for _ = 1, 3 do group:spawn(function() xio.sleep(1) end) end
    end)
    assert(#log == 3)
    local ok, err = pcall(xio.group, function(group)
      group:spawn(function() error("fails alone", 0) end)
      group:spawn(function() xio.sleep_forever() end)
    end)
    if not ok and err ~= "fails alone" then error(err, 0) end
    assert(not ok)
  end)
end

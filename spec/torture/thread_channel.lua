-- Channels between threads within one run: items by copy, a waiting sender, select, failure.
local xio = ...

return function()
  xio.run({ clock = "virtual" }, function()
    local tx, rx = xio.thread.channel(2)
    xio.group(function(group)
      group:spawn(function()
        for i = 1, 6 do assert(tx:send({ i, { "deep" } })) end
        tx:close()
      end)
      local count = 0
      for item in rx do
        count = count + 1
        assert(item[1] == count and item[2][1] == "deep")
      end
      assert(count == 6)
    end)
    local tx2, rx2 = xio.thread.channel()
    xio.group(function(group)
      group:spawn(function()
        xio.sleep(1)
        assert(tx2:send("x"))
      end)
      local number, item = xio.select(rx, rx2)
      if number == 1 then -- it has ended
        number, item = xio.select(rx2, xio.after(5))
        assert(number == 1)
      end
      assert(item == "x")
    end)
    xio.move_on_after(1, function() tx2:send("nobody takes it") end)
    local clone = rx2:clone()
    tx2:fail({ "failed" })
    local ok, err = xio.pcall(clone.recv, clone)
    if ok or type(err) ~= "table" or err[1] ~= "failed" then error(err, 0) end
  end)
end

-- Selects that wait, that need not, that time out, with every kind of case.
local xio = ...

return function()
  xio.run({ clock = "virtual" }, function()
    xio.group(function(group)
      local tx, rx = xio.channel()
      local out, back = xio.channel()
      local event, future = xio.event(), xio.future()
      local task = group:spawn(function()
        xio.sleep(1)
        tx:send("item")
        assert(back:recv() == "answer")
        event:set()
        return "done"
      end)
      local case, value = xio.select(rx, event, future, task)
      assert(case == 1 and value == "item")
      assert(xio.select(rx, { out, "answer" }, future) == 2)
      assert(xio.select(rx, event) == 2)
      case, value = xio.select(rx, future, task)
      assert(case == 3 and value == "done")
      assert(xio.select(rx, { out, "ghost" }, xio.after(1), future) == 3)
      assert(not xio.move_on_after(1, xio.select, rx, { out, "ghost" }, future))
      assert(rx:stats().waiting + back:stats().waiting + future:stats().waiting == 0)
    end)
  end)
end

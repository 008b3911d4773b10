-- The tree of tasks, as a table and as a drawing.
local xio = ...

return function()
  xio.run({ clock = "virtual", name = "tree" }, function()
    local task = xio.spawn(xio.sleep, 2)
    xio.group({ limit = 2 }, function(group)
      group:spawn({ name = "waits" }, task.await, task)
      group:spawn(xio.sleep_forever)
      group:spawn(xio.sleep_forever)
      xio.sleep(1)
      local tree = xio.tree()
      assert(tree.count == 5 and tostring(tree):find("await"))
      group:cancel()
    end)
  end)
end

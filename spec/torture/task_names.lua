-- What handles tell: names, parents, states, texts, tracebacks.
local xio = ...

local function waiting() xio.sleep(1) end

return function()
  xio.run({ clock = "virtual" }, function()
    local task = xio.spawn(waiting)
    local named = xio.spawn({ name = "named" }, waiting)
    assert(named.name == "named" and task.parent == nil and xio.current().id)
    xio.group(function(group)
      local child = group:spawn(waiting)
      assert(child.parent == xio.current() and child:status() == "ready")
      xio.checkpoint()
      assert(tostring(child):find("waiting") and tostring(group) and tostring(group.scope))
      assert(task:traceback():find("in function") and xio.current():traceback())
    end)
  end)
end

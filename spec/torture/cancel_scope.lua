-- Scopes cancelled with reasons: by themselves, from another task, before they are entered.
local xio = ...

return function()
  xio.run({ clock = "virtual" }, function()
    local ok, err = xio.scope({ name = "own" }, function(scope)
      scope:cancel("own")
      xio.sleep(1)
    end)
    assert(not ok and err.reason == "own" and err.source == "cancel" and tostring(err))
    local inner
    xio.spawn(function() xio.sleep(1) inner:cancel("by another") end)
    assert(not xio.scope({ timeout = 5 }, function(scope)
      inner = scope
      xio.sleep(9)
    end))
    assert(inner.reason == "by another" and inner.cancelled_caught)
    local scope = xio.new_scope { deadline = 100 }
    scope:cancel({ "before" })
    assert(not scope:run(xio.sleep_forever) and scope.reason[1] == "before")
  end)
end

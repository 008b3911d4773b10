-- Limits that are not reached, and deadlines that move.
local xio = ...

return function()
  xio.run({ clock = "virtual" }, function()
    local ok, value = xio.move_on_after(9, function(x) xio.sleep(1) return x end, "x")
    assert(ok and value == "x")
    assert(xio.fail_after(9, function(x) return x end, 5) == 5)
    local result = xio.scope({ timeout = 2 }, function(scope)
      scope.deadline = xio.now() + 10
      xio.sleep(5)
      assert(xio.deadline() == scope.deadline)
      scope.deadline = nil
      xio.sleep(20)
      scope.deadline = xio.now() + 1
      xio.sleep(20)
    end)
    assert(result == false)
  end)
end

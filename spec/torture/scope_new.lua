-- Scopes made beforehand, some of which are never entered.
local xio = ...

return function()
  local unused = xio.new_scope { name = "unused" }
  unused:cancel("in vain")
  xio.run({ clock = "virtual" }, function()
    local scope = xio.new_scope { timeout = 1, name = "own", shield = true }
    local ok, err = scope:run(function(...) xio.sleep(2) return ... end, 1)
    assert(not ok and err.source == "deadline" and scope.cancel_called and scope.name == "own")
    ok, err = xio.pcall(scope.run, scope, xio.sleep, 1)
    assert(not ok)
    if not tostring(err):find("entered already") then error(err, 0) end
    assert(select("#", xio.new_scope():run(function(...) return ... end, 1, 2)) == 3)
  end)
end

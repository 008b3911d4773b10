-- A process that is waited for, killed, and closed with its group.
local xio = ...

return function()
  xio.run({ signals = false }, function()
    local child <close> = assert(xio.process.spawn { "cat", stdin = "pipe", grace = 0 })
    assert(child.stdin:write("a line\n"))
    assert(child.stdout:read("l") == "a line")
    assert(not xio.move_on_after(0.001, child.wait, child))
    assert(child:kill("KILL"))
    assert(child:wait().signal == "KILL")
  end)
end

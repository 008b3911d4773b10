-- Signals that a task listens for, in a run that takes others. WINCH does nothing by itself
-- where memory is out before it was read.
local xio = ...

return function()
  xio.run({ signals = true }, function()
    local listener <close> = assert(xio.signal.listen("WINCH", "INT"))
    xio.process.run { "sh", "-c", "kill -WINCH $PPID" }
    assert(listener:wait() == "WINCH")
    local name, _, code = listener:wait(0.001)
    assert(name == nil and code == "ETIMEDOUT")
  end)
end

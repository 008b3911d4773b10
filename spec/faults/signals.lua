-- A task that listens for a signal, in a run that takes others.
local xio = ...
local check = require("spec.support.faults").check

return function()
  xio.run({ signals = true }, function()
    local listener <close> = check(xio.signal.listen("WINCH"))
    check(xio.process.run { "sh", "-c", "kill -WINCH $PPID", check = true })
    assert(check(listener:wait()) == "WINCH")
  end)
end

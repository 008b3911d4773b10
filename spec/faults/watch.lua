-- A watched folder, in which a file is made.
local xio = ...
local faults = require "spec.support.faults"
local check = faults.check

return function()
  local dir = faults.folder "watch"
  xio.run({ signals = false }, function()
    local watch <close> = check(xio.fs.watch(dir))
    check(xio.fs.writefile(dir .. "/file", "x"))
    local event = check(watch())
    assert(event.name == "file")
  end)
end

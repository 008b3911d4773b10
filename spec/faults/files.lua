-- A file that is written, sought in, read, cut and synchronized; written and read whole.
local xio = ...
local faults = require "spec.support.faults"
local check = faults.check

return function()
  local dir = faults.folder "files"
  xio.run({ signals = false }, function()
    local path = dir .. "/file"
    local file <close> = check(xio.fs.open(path, "w+"))
    check(file:write("one\n", 2, "\nthree"))
    check(file:seek("set", 0))
    assert(check(file:read()) == "one" and check(file:read("n")) == 2)
    check(file:seek("end", -5))
    assert(check(file:read("a")) == "three")
    check(file:truncate(6))
    check(file:sync())
    assert(check(file:stat()).size == 6)
    check(xio.fs.writefile(path, "whole", { atomic = true }))
    assert(check(xio.fs.readfile(path)) == "whole")
    faults.expect_code("ENOENT", xio.fs.open, dir .. "/none")
  end)
end

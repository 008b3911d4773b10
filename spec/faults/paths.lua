-- Folders that are made, walked, copied and removed.
local xio = ...
local faults = require "spec.support.faults"
local check = faults.check

return function()
  local dir = faults.folder "paths"
  xio.run({ signals = false }, function()
    local fs = xio.fs
    local top = check(fs.mkdtemp(dir .. "/t"))
    check(fs.mkdir(top .. "/a/b", { parents = true }))
    check(fs.writefile(top .. "/file", "x"))
    check(fs.symlink("file", top .. "/link"))
    assert(check(fs.readlink(top .. "/link")) == "file")
    check(fs.copy(top .. "/link", top .. "/a/copy"))
    check(fs.chmod(top .. "/file", 384))
    check(fs.utime(top .. "/file", 1, 2))
    check(fs.realpath(top .. "/link"))
    local count = 0
    for _ in fs.walk(top) do count = count + 1 end
    assert(count == 6 and #check(fs.readdir(top)) == 3)
    check(fs.rename(top .. "/file", top .. "/other"))
    check(fs.unlink(top .. "/other"))
    check(fs.rmtree(top))
  end)
end

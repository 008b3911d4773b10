-- Folders that are made, walked, copied from and removed; some of it cancelled.
local xio = ...
local dir = os.getenv "XIO_BUILD_DIR" .. "/torture-paths"
os.execute("rm -rf '" .. dir .. "' && mkdir '" .. dir .. "'")

local function check(value, err)
  if value == nil then error(err, 0) end
  return value
end

return function()
  xio.run(function()
    local fs = xio.fs
    local top = check(fs.mkdtemp(dir .. "/t"))
    check(fs.mkdir(top .. "/a/b", { parents = true }))
    check(fs.writefile(top .. "/file", "x"))
    check(fs.symlink("file", top .. "/link"))
    check(fs.copy(top .. "/link", top .. "/a/copy"))
    local count = 0
    for _ in fs.walk(top) do count = count + 1 end
    assert(count == 6 and #check(fs.readdir(top)) == 3)
    local task = xio.spawn(fs.copy, "/dev/zero", top .. "/never")
    xio.checkpoint()
    task:cancel()
    task:wait()
    check(fs.rmtree(top))
  end)
end

-- A file that is written, read in several ways, sought in, and read and written whole.
local xio = ...
local dir = os.getenv "XIO_BUILD_DIR" .. "/torture-files"
os.execute("rm -rf '" .. dir .. "' && mkdir '" .. dir .. "'")

local function check(value, err)
  if value == nil then error(err, 0) end
  return value
end

return function()
  xio.run(function()
    local path = dir .. "/file"
    local file <close> = check(xio.fs.open(path, "w+"))
    check(file:write("one\n", 2, "\nthree"))
    check(file:seek("set", 0))
    assert(check(file:read()) == "one" and check(file:read("n")) == 2)
    check(file:seek("end", -5))
    check(file:truncate(6))
    assert(check(file:stat()).size == 6 and file:read() == nil)
    check(xio.fs.writefile(path, "whole"))
    assert(check(xio.fs.readfile(path)) == "whole")
    local none, err, code = xio.fs.open(dir .. "/none")
    if code ~= "ENOENT" then error(err or none, 0) end
  end)
end

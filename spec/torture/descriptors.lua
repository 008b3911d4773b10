-- A file read and written through xio by number and as an io file.
local xio = ...

return function()
  local file <close> = assert(io.tmpfile())
  xio.run(function()
    assert(xio.writeall(file, "some bytes"))
    file:seek("set", 0)
    local text, err = xio.read(file, 100)
    if not text then error(err, 0) end
    assert(text == "some bytes" and xio.read(file, 1) == nil)
  end)
end

-- Descriptors of others: waited for alone and in a select; io files read and written.
local xio = ...
local check = require("spec.support.faults").check

return function()
  local silent <close> = xio.new()
  local file <close> = check(io.tmpfile())
  xio.run({ signals = false }, function()
    local fd <close> = check(xio.fd(silent:fd()))
    local null <close> = check(io.open("/dev/null"))
    local ready <close> = check(xio.fd(null))
    local case, value, err = xio.select(ready, xio.after(1))
    if case == 1 then check(value, err) end
    case, value, err = xio.select(fd, xio.after(0.001))
    if case == 1 then check(value, err) end
    check(ready:writable())
    check(xio.writeall(file, "some bytes"))
    file:seek("set", 0)
    local text = ""
    while #text < 10 do text = text .. check(xio.read(file, 100)) end
    assert(text == "some bytes")
  end)
end

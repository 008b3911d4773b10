-- Selects with descriptors: ready at once, never ready, withdrawn, closed while one waits.
local xio = ...

return function()
  local silent <close> = xio.new()
  xio.run({ clock = "virtual" }, function()
    local fd <close> = assert(xio.fd(silent:fd()))
    local null <close> = assert(io.open("/dev/null"))
    local ready <close> = assert(xio.fd(null))
    local event = xio.event()
    local case, value, err = xio.select(event, ready)
    if not value then error(err, 0) end
    assert(case == 2)
    assert(xio.select(fd, { fd, "readable" }, event, xio.after(1)) == 4)
    assert(not xio.move_on_after(1, xio.select, fd, event))
    local other <close> = assert(xio.fd(silent:fd()))
    local task = xio.spawn(function() return select(4, xio.select(event, other)) end)
    xio.sleep(1)
    assert(other:close() and task:await() == "ECLOSED")
    assert(event:stats().waiting == 0)
  end)
end

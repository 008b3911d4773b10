-- Waiting for a descriptor that nothing is ever ready on: a limit, a cancellation, a close.
local xio = ...

return function()
  local silent <close> = xio.new()
  xio.run({ clock = "virtual" }, function()
    local fd <close> = assert(xio.fd(silent:fd()))
    local ready, err, code = fd:readable(1)
    if code ~= "ETIMEDOUT" then error(err, 0) end
    assert(not ready and not xio.move_on_after(1, xio.read, silent:fd()))
    local other <close> = assert(xio.fd(silent:fd()))
    local task = xio.spawn(function() return select(3, other:readable()) end)
    xio.sleep(1)
    assert(other:close() and task:await() == "ECLOSED")
  end)
end

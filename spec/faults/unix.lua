-- An abstract unix socket: accepted by hand, one line each way.
local xio = ...
local check = require("spec.support.faults").check
local net = xio.net

return function()
  xio.run({ signals = false }, function()
    local listener <close> = check(net.listen_unix("@xio-faults-" .. tostring({})))
    local near <close> = check(net.connect_unix((check(listener:name()))))
    local far <close> = check(listener:accept())
    check(near:write("to\n"))
    assert(check(far:read("l")) == "to")
    check(far:write("fro\n"))
    assert(check(near:read("l")) == "fro")
  end)
end

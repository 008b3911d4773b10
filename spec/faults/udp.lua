-- Datagrams between two sockets, one of them connected. Datagrams may be lost: then a
-- receiver is told so by its time limit.
local xio = ...
local check = require("spec.support.faults").check
local net = xio.net

return function()
  xio.run({ signals = false }, function()
    local a <close> = check(net.udp("127.0.0.1", 0))
    local b <close> = check(net.udp("127.0.0.1", 0))
    local _, port = check(a:name())
    check(b:connect("127.0.0.1", port))
    check(b:send("ping"))
    local text, from, from_port = check(a:recv())
    assert(text == "ping" and from == "127.0.0.1")
    check(a:send("pong", from, from_port))
    assert(check(b:recv()) == "pong")
  end)
end

-- Datagrams between two sockets; a task that waits for one; groups; an address that is taken.
local xio = ...
local net = xio.net

local function check(value, err)
  if not value then error(err, 0) end
  return value
end

return function()
  xio.run({ clock = "virtual" }, function()
    local a <close> = check(net.udp("127.0.0.1", 0, { ttl = 5 }))
    local b <close> = check(net.udp("*", 0))
    local _, port = b:name()
    xio.group(function(group)
      local task = group:spawn(b.recv, b)
      xio.sleep(1)
      check(a:send("hello", "127.0.0.1", port))
      local data, host = task:await()
      assert(check(data, host) == "hello" and host == "127.0.0.1")
    end)
    check(a:connect("127.0.0.1", port))
    check(a:send("again"))
    assert(check(b:recv()) == "again" and a:stats().sent == 2)
    local taken, err, code = net.udp("127.0.0.1", port)
    if taken or code ~= "EADDRINUSE" then error(err, 0) end
    assert(not xio.move_on_after(1, b.recv, b))
  end)
end

-- A server with two clients, which is stopped; a connection that is refused.
local xio = ...
local net = xio.net

local function check(value, err)
  if not value then error(err, 0) end
  return value
end

return function()
  xio.run(function()
    local listener <close> = check(net.listen("127.0.0.1", 0))
    local _, port = listener:name()
    xio.group(function(group)
      group:spawn(net.serve, listener, function(stream)
        check(stream:write(check(stream:read("l")), "\n"))
      end, { grace = 1, limit = 1 })
      for _ = 1, 2 do
        local stream <close> = check(net.connect("127.0.0.1", port))
        check(stream:write("line\n"))
        assert(check(stream:read("l")) == "line")
      end
      listener:close()
    end)
    local stream, err, code = net.connect("127.0.0.1", port)
    if stream or code ~= "ECONNREFUSED" then error(err, 0) end
  end)
end

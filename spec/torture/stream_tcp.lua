-- Listening, connecting and accepting, refusals, names.
local xio = ...
local core = require "xio.core"

return function()
  xio.run({ signals = false }, function()
    local listener = core.tcp_listen("127.0.0.1", 0, { backlog = 8 })
    local host, port = listener:name()
    xio.group(function(group)
      group:spawn(function()
        for conn in listener do
          assert(conn:write(conn:recv()))
          conn:close()
        end
      end)
      local client = assert(core.tcp_connect(host, port, { nodelay = true }))
      assert(client:peername() == host)
      client:write("ping")
      assert(client:read("a") == "ping")
      client:close()
      listener:close()
    end)
    local none, err = core.tcp_connect(host, port)
    if err.code ~= "ECONNREFUSED" then error(err) end
    assert(none == nil)
  end)
end

--- A TCP server with a task for each connection; prints its port and serves until it is killed.
---   server.lua serve-echo|serve-send|serve-receive
--- `serve-echo` sends back what comes; `serve-send` sends 64 KB again and again; `serve-receive`
--- only reads.
local xio = require "xio"
local measure = require "measure"

local block = ("x"):rep(65536)

local roles = {
  ["serve-echo"] = function(stream)
    while true do
      local data = stream:recv()
      if not data or not stream:write(data) then return end
    end
  end,
  ["serve-send"] = function(stream)
    while stream:write(block) do end
  end,
  ["serve-receive"] = function(stream)
    while stream:recv() do end
  end,
}
local role = roles[measure.arguments(arg)] or measure.unknown()

xio.main(function()
  local listener <close> = assert(xio.net.listen("127.0.0.1", 0))
  local _, port = listener:name()
  measure.listening(port)
  assert(xio.net.serve(listener, role))
end)

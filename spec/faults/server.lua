-- A server, a client that talks, one that is refused. A connection that the server could not
-- take reaches its client as an end or a reset.
local xio = ...
local faults = require "spec.support.faults"
local check = faults.check
local net = xio.net

local function talk(port)
  local stream <close> = check(net.connect("127.0.0.1", port, { nodelay = true }))
  local _, err, code = stream:write("line\n")
  if code == "EPIPE" or code == "ECONNRESET" then return false end
  if err then error(err, 0) end
  local line, failure, kind = stream:read("l")
  if line == nil and failure and kind ~= "ECONNRESET" then error(failure, 0) end
  assert(line == nil or line == "line", "bytes were lost or changed")
  return line ~= nil
end

return function()
  xio.run({ signals = false }, function()
    local listener <close> = check(net.listen("127.0.0.1", 0))
    local _, port = check(listener:name())
    xio.group(function(group)
      group:spawn(function()
        local served, err, code = net.serve(listener, function(stream)
          check(stream:write(check(stream:read("l")), "\n"))
        end, { grace = 1, limit = 1 })
        if not served and code ~= "ECLOSED" then check(nil, err) end
      end)
      local answered = 0
      for _ = 1, 3 do
        if talk(port) then answered = answered + 1 end
      end
      assert(answered >= 2, "the server did not go on")
      listener:close()
    end)
    faults.expect_code("ECONNREFUSED", net.connect, "127.0.0.1", port)
  end)
end

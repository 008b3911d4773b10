-- Streams that are closed, cut, given up and left behind; pipes and unix sockets.
local xio = ...
local core = require "xio.core"

return function()
  xio.run({ signals = false, clock = "virtual" }, function()
    local reader, writer = core.pipe()
    assert(xio.move_on_after(1, reader.recv, reader) == false)
    assert(xio.move_on_after(1, writer.write, writer, ("x"):rep(200000)) == false)
    local _, err, code = writer:write("y")
    if code ~= "ECANCELED" then error(err) end
    xio.group(function(group)
      group:spawn(function()
        while reader:recv() do end
      end)
      xio.sleep(1)
      reader:close()
    end)
    writer:close()
    local left = core.pair()
    local listener <close> = core.unix_listen("@xio-torture-" .. tostring({}))
    local near <close> = assert(core.unix_connect((listener:name())))
    local far <close> = assert(listener:accept())
    near:write("x")
    assert(far:recv() == "x" and left:fileno())
  end)
end

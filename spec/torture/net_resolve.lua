-- Lookups: of a name, of several at once, of a number, of a name that cannot be, one cancelled.
local xio = ...
local net = xio.net

local function check(value, err)
  if not value then error(err, 0) end
  return value
end

return function()
  xio.run({ clock = "virtual" }, function()
    assert(#check(net.resolve("127.0.0.1", { port = 80 })) == 1)
    xio.group(function(group)
      for _ = 1, 3 do
        group:spawn(function() check(net.resolve("localhost")) end)
      end
      local late = group:spawn(net.resolve, "localhost")
      xio.checkpoint()
      late:cancel()
    end)
    local found, err, code = net.resolve("a\0b")
    if found or code ~= "EAI_NONAME" then error(err, 0) end
  end)
end

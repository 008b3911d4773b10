-- Happy eyeballs over attempts that take time, fail, and succeed at once.
local xio = ...
local eyeballs = require "xio.eyeballs"

return function()
  xio.run({ clock = "virtual" }, function()
    local open = 0
    local function attempt(address)
      if address.after > 0 then xio.sleep(address.after) end
      if not address.ok then return nil, "refused" end
      open = open + 1
      return { close = function() open = open - 1 end }
    end
    local addresses = eyeballs.interleave {
      { host = "a", family = "inet6", after = 0, ok = false },
      { host = "b", family = "inet6", after = 9, ok = true },
      { host = "c", family = "inet", after = 1, ok = true },
    }
    local connection = eyeballs.connect(addresses, attempt, 0.25, {})
    assert(connection and open == 1 and xio.now() == 1)
    connection.close()
    local failures = {}
    assert(not eyeballs.connect({ addresses[1], addresses[1] }, attempt, 0.25, failures))
    assert(#failures == 2 and open == 0)
  end)
end

-- Names that are looked up.
local xio = ...
local check = require("spec.support.faults").check

return function()
  xio.run({ signals = false }, function()
    assert(#check(xio.net.resolve("127.0.0.1")) > 0)
    assert(#check(xio.net.resolve("localhost")) > 0)
  end)
end

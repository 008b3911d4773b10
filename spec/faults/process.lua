-- Programs with pipes, one that is ended by a signal, one that cannot be started.
local xio = ...
local faults = require "spec.support.faults"
local check = faults.check

return function()
  xio.run({ signals = false }, function()
    local result = check(xio.process.run { "cat", stdin = "text", capture = true })
    assert(result.code == 0 and result.stdout == "text", "bytes were lost")
    faults.expect_code("ENOENT", xio.process.run, { "/no/such" })
    local child <close> = check(xio.process.spawn { "sleep", "60" })
    check(child:kill("TERM"))
    assert(check(child:wait()).signal == "TERM")
  end)
end
